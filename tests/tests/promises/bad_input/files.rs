//! Pictures that are none, addresses that lead inside, forms that break off, bodies without end.

use bytes::Bytes;
use serde_json::{Value, json};
use tests::{Form, pictures};

use super::{
    Case, IMAGES, INVALID, NATIVE, all_refused, assert_untouched, case, invalid, native, unknown,
};
use crate::house;

const EDITS: &str = "/v1/images/edits";
const ASSETS: &str = "/v1/assets";

fn input(input: &Value) -> String {
    native(&json!({ "inputs": [input] }))
}

fn source(field: &str, value: &str) -> String {
    input(&json!({ "role": "source", field: value }))
}

fn data() -> Vec<Case> {
    let (field, bad) = ("inputs[0].data", (400, "invalid_image", Some("inputs[0].data")));
    let good = pictures::base64(&pictures::picture(image::ImageFormat::Png));
    let bomb = pictures::base64(&pictures::bomb());
    let of = |name, value: &str, wanted| case(name, NATIVE, source("data", value), wanted);
    let odd = |name, value: Value, param| case(name, NATIVE, input(&value), invalid(param));
    let two = json!({ "role": "source", "data": good, "url": "http://example.com" });
    let label = json!({ "role": "source", "data": good, "mime_type": "image/webp" });
    vec![
        of("base64 that isn't", "!!!! not base64 !!!!", invalid(field)),
        of("no base64 at all", "", invalid(field)),
        of("text in base64", "aGVsbG8gd29ybGQ=", bad),
        of("an image bomb", &bomb, bad),
        of("a truncated picture", &good[..40], bad),
        odd("no role", json!({ "data": good }), "inputs[0].role"),
        odd("an unknown role", json!({ "role": "hero", "data": good }), "inputs[0].role"),
        odd("no source", json!({ "role": "source" }), "inputs[0]"),
        odd("two sources", two, "inputs[0]"),
        odd("a wrong label", label, "inputs[0].mime_type"),
        odd("no asset", json!({ "role": "source", "asset": "ast_none" }), "inputs[0].asset"),
    ]
}

fn addresses(port: &str) -> Vec<Case> {
    let of =
        |(name, url): (_, &str)| case(name, NATIVE, source("url", url), invalid("inputs[0].url"));
    let ours = format!("http://127.0.0.1:{port}/healthz");
    let named = format!("http://localhost:{port}/healthz");
    let plain = [
        ("loopback", "http://127.0.0.1/x.png"),
        ("ourselves", &ours),
        ("a name of loopback", &named),
        ("loopback as one number", "http://2130706433/"),
        ("loopback in octal", "http://0177.0.0.1/"),
        ("loopback in six", "http://[::1]/"),
        ("loopback, mapped", "http://[::ffff:127.0.0.1]/"),
        ("a private network", "http://10.1.2.3/"),
        ("another", "http://192.168.0.1/"),
        ("the cloud's own", "http://169.254.169.254/latest"),
        ("nowhere", "http://0.0.0.0/"),
        ("a file", "file:///etc/passwd"),
        ("no address", "lighthouse"),
        ("credentials", "http://a:b@127.0.0.1/"),
    ];
    plain.into_iter().map(of).collect()
}

#[tokio::test]
async fn inputs_that_are_none() {
    let (vendor, mut gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let port = gateway.url().rsplit(':').next().unwrap_or_default().to_owned();
    let mut cases = data();
    cases.extend(addresses(&port));
    let inside = json!({ "prompt": "x", "images": [{ "image_url": "http://127.0.0.1/" }] });
    let nothing = json!({ "prompt": "x" });
    for (name, body, param) in [
        ("an edit of loopback", inside, "images[0].image_url"),
        ("an edit of nothing", nothing, "image"),
    ] {
        cases.push(case(name, EDITS, body.to_string(), invalid(param)));
    }
    all_refused(&team.client, "application/json", cases).await;
    assert_untouched(&vendor, &mut gateway, &team).await;
}

#[tokio::test]
async fn an_uploaded_bomb_is_no_input() {
    let (vendor, mut gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let form = Form::new().file("file", "image/png", &pictures::bomb());
    let headers = [("content-type", &*Form::content_type())];
    // Anything may be kept; what becomes of it is another matter.
    let kept = team.client.send("POST", ASSETS, &headers, form.body()).await.expect(201).json();
    let body = source("asset", kept["id"].as_str().unwrap_or_default());
    let refused = (400, "invalid_image", Some("inputs[0].asset"));
    let cases = vec![case("an uploaded bomb", NATIVE, body, refused)];
    all_refused(&team.client, "application/json", cases).await;
    assert_untouched(&vendor, &mut gateway, &team).await;
}

#[tokio::test]
async fn forms_that_are_none() {
    let (vendor, mut gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let picture = pictures::picture(image::ImageFormat::Png);
    let bad_image = (400, "invalid_image", Some("image[0]"));
    let prompt = || Form::new().text("prompt", "x");
    let whole = || prompt().file("image", "image/png", &picture);
    let no_prompt = Form::new().file("image", "image/png", &picture);
    let text = prompt().file("image", "image/png", b"no picture");
    let bomb = prompt().file("image", "image/png", &pictures::bomb());
    let upload = || Form::new().file("file", "image/png", &picture);
    let of = |name, form: Form, wanted| case(name, EDITS, form.body(), wanted);
    let cases = vec![
        case("no form at all", EDITS, "this is no form", (400, INVALID, None)),
        case("cut off", EDITS, whole().cut_off(), (400, INVALID, None)),
        of("no picture", prompt(), invalid("image")),
        of("no prompt", no_prompt, invalid("prompt")),
        of("n as text", whole().text("n", "two"), invalid("n")),
        of("n 11", whole().text("n", "11"), invalid("n")),
        of("size 0x9", whole().text("size", "0x9"), invalid("size")),
        of("twice", whole().text("prompt", "y"), invalid("prompt")),
        of("an unknown field", whole().text("colour", "red"), unknown("colour")),
        of("text for a picture", text, bad_image),
        of("a bomb for a picture", bomb, bad_image),
        case("no file", ASSETS, Form::new().body(), invalid("file")),
        case("an upload cut off", ASSETS, upload().cut_off(), (400, INVALID, None)),
    ];
    all_refused(&team.client, &Form::content_type(), cases).await;
    assert_untouched(&vendor, &mut gateway, &team).await;
}

#[tokio::test]
async fn bodies_that_are_too_large() {
    let (vendor, mut gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let large = 50 << 20;
    let too_large = (413, "request_too_large", None);
    let blank = Bytes::from(vec![b' '; large]);
    let cases = vec![
        case("50 MB of nothing", IMAGES, blank, too_large),
        case("50 MB of base64", NATIVE, source("data", &"A".repeat(large)), too_large),
    ];
    all_refused(&team.client, "application/json", cases).await;
    let form = Form::new().text("prompt", "x").file("image", "image/png", &vec![7; large]).body();
    let cases = vec![case("a file of 50 MB", EDITS, form, too_large)];
    all_refused(&team.client, &Form::content_type(), cases).await;
    assert_untouched(&vendor, &mut gateway, &team).await;
}
