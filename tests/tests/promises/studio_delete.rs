//! What a team deletes here is deleted at the vendor too, where the vendor can: every creation of a
//! generation, a queue's job. What the vendor cannot be made to delete is deleted here all the same.

use serde_json::{Value, json};
use tests::{Queue, STUDIO_KEY, Studio, Team, quick_queue, quick_studio, until};

use crate::{image, run};

/// Deletes it here, once its own task has left it.
async fn delete(team: &Team, made: &Value) {
    assert_eq!(made["status"], "completed", "{made}");
    let path = format!("/v1/generations/{}", made["id"].as_str().expect("an id"));
    until("the generation's own task", || async {
        (team.client.delete(&path).await.status < 300).then_some(())
    })
    .await;
    drop(team.client.get(&path).await.expect(404));
}

/// Every creation of that prompt, by number, and whether its owner can still see it there.
async fn creations(vendor: &Studio, prompt: &str) -> Vec<(u64, bool)> {
    let (site, mut all) = (vendor.site(STUDIO_KEY), Vec::new());
    for made in vendor.generations().await {
        if made["order"]["prompt"] != prompt {
            continue;
        }
        for id in made["creations"].as_array().expect("a list") {
            let id = id.as_u64().expect("a number");
            let seen = site.get(&format!("/api/v1/creations/{id}")).await.status;
            assert!([200, 404].contains(&seen), "{id}: {seen}");
            all.push((id, seen == 200));
        }
    }
    all
}

#[tokio::test]
async fn every_creation_of_a_generation_is_deleted_and_no_other() {
    let vendor = Studio::start(quick_studio()).await;
    let (_gateway, team) = vendor.house(run(), &json!({})).await;
    let pictures = |prompt: &str| json!({ "model": "generor/10003", "prompt": prompt, "count": 2 });
    let words = json!({ "model": "generor/37", "prompt": "words" });
    let (first, second) = (pictures("two foxes"), pictures("two owls"));
    let [foxes, owls, words] =
        [team.generate(&first).await, team.generate(&second).await, team.generate(&words).await];
    for prompt in ["two foxes", "two owls"] {
        let there = creations(&vendor, prompt).await;
        assert!(there.len() == 2 && there.iter().all(|(_, seen)| *seen), "{there:?}");
    }
    delete(&team, &foxes).await;
    delete(&team, &words).await;
    for prompt in ["two foxes", "words"] {
        until("nothing of it at the vendor", || async {
            let there = creations(&vendor, prompt).await;
            there.iter().all(|(_, seen)| !seen).then_some(())
        })
        .await;
    }
    let left = creations(&vendor, "two owls").await;
    assert!(left.iter().all(|(_, seen)| *seen), "{left:?}");
    assert_eq!(team.generation(owls["id"].as_str().expect("an id")).await["status"], "completed");
}

#[tokio::test]
async fn a_key_that_may_not_delete_keeps_nothing_here() {
    let vendor = Studio::start(quick_studio()).await;
    let key = vendor.key(&["read", "generate"]).await;
    let gateway = vendor.gateway(run(), json!({ "key": key })).await;
    let team = gateway.team("a").await;
    Studio::read_by(&team).await;
    let made = team.generate(&json!({ "model": "generor/10003", "prompt": "a fox" })).await;
    delete(&team, &made).await;
    // After four tries the log tells what the key lacks.
    let log = until("that it is given up", || async {
        Some(gateway.logged()).filter(|log| log.contains("could not be made to delete"))
    })
    .await;
    assert!(log.contains("`write`"), "{log}");
    assert_eq!(vendor.answered("403").await, 4);
    let there = creations(&vendor, "a fox").await;
    assert!(there.iter().all(|(_, seen)| *seen), "{there:?}");
}

#[tokio::test]
async fn a_queues_job_is_deleted_and_no_other() {
    let queue = Queue::start(quick_queue()).await;
    let gateway = queue.gateway(run(), json!({})).await;
    let team = gateway.team("a").await;
    let made = team.generate(&image("a fox")).await;
    let other = team.generate(&image("an owl")).await;
    assert_eq!(other["status"], "completed", "{other}");
    delete(&team, &made).await;
    until("the job's end at the vendor", || async {
        let jobs = queue.jobs().await;
        let purged: Vec<&Value> = jobs.iter().map(|job| &job["purged"]).collect();
        assert_eq!((purged.len(), purged[1]), (2, &json!(false)), "{jobs:?}");
        (purged[0] == &json!(true)).then_some(())
    })
    .await;
}
