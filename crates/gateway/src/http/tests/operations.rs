//! What operators look at.

use actix_web::http::Method;

use super::{Call, House};

#[actix_web::test]
async fn health_readiness_and_pages_need_no_key() {
    let house = House::new().await;
    for (path, kind) in [
        ("/healthz", "application/json"),
        ("/readyz", "application/json"),
        ("/metrics", "text/plain"),
        ("/openapi.json", "application/json"),
        ("/docs/", "text/html"),
        ("/docs/swagger-ui.css", "text/css"),
        ("/ui", "text/html"),
    ] {
        let answer = house.send(Call::new(Method::GET, path)).await;
        assert_eq!(answer.status.as_u16(), 200, "{path}");
        assert!(answer.header("content-type").starts_with(kind), "{path}");
        assert!(answer.header("x-request-id").starts_with("req_"), "{path}");
    }
    let answer = house.send(Call::new(Method::GET, "/docs")).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (308, "/docs/"));
}

#[actix_web::test]
async fn our_pages_load_nothing_from_elsewhere() {
    let house = House::new().await;
    for path in ["/ui", "/docs/", "/docs/swagger-initializer.js"] {
        let page = house.send(Call::new(Method::GET, path)).await;
        for far in ["src=\"http", "href=\"http", "src=\"//", "url: \"http", "://petstore", "unpkg"]
        {
            assert!(!page.text().contains(far), "{path} has {far}");
        }
        assert!(page.header("content-security-policy").contains("default-src 'self'"), "{path}");
    }
    let page = house.send(Call::new(Method::GET, "/docs/swagger-initializer.js")).await;
    assert!(page.text().contains(r#""validatorUrl": "none""#), "{}", page.text());
    assert!(page.text().contains("/openapi.json"));
}

#[actix_web::test]
async fn a_sane_request_id_comes_back() {
    let house = House::new().await;
    for (given, kept) in [("trace-7", true), ("two words", false)] {
        let headers = [("x-request-id", given)];
        for path in ["/healthz", "/nowhere", "/panic"] {
            let answer =
                house.send(Call { headers: &headers, ..Call::new(Method::GET, path) }).await;
            assert_eq!(answer.header("x-request-id") == given, kept, "{path}");
        }
    }
}

#[actix_web::test]
async fn requests_are_counted_by_route_and_never_by_id() {
    let house = House::new().await;
    house.get("/v1/generations/gen_secretly").await;
    house.get("/nowhere/at/all").await;
    let page = house.send(Call::new(Method::GET, "/metrics")).await;
    let counted = "atelier_http_requests_total{method=\"GET\",route=\"/v1/generations/{id}\",status=\"404\"} 1";
    assert!(page.text().contains(counted), "{}", page.text());
    assert!(page.text().contains("route=\"unmatched\""));
    assert!(!page.text().contains("secretly") && !page.text().contains("nowhere"));
}
