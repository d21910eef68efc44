//! One team that has worked, and one that must not know.

use serde_json::{Value, json};
use tests::{
    Client, Gateway, Queue, Receiver, Studio, Team, Vendor, config, quick, quick_queue,
    quick_studio, until,
};

use super::table::Thing;
use crate::{image, run};

/// A house with everything, one team that has worked in it, and one that has not.
pub(super) struct House {
    pub(super) gateway: Gateway,
    pub(super) ours: Team,
    /// Our team's own admin.
    pub(super) admin: Client,
    pub(super) theirs: Team,
    things: Vec<(Thing, String)>,
    vendors: (Vendor, Queue, Studio, Receiver),
}

impl House {
    pub(super) async fn new() -> Self {
        let vendors = (
            Vendor::start(quick()).await,
            Queue::start(quick_queue()).await,
            Studio::start(quick_studio()).await,
            Receiver::start(&[204]).await,
        );
        let mut config = config(&vendors.0, &json!({ "fetch": { "allow": ["127.0.0.1"] } }));
        let more = [
            vendors.1.config_at(&vendors.1.url(), json!({}), &json!({})),
            vendors.2.config_at(&vendors.2.url(), json!({}), &json!({})),
        ];
        for (name, more) in ["zsky", "generor"].into_iter().zip(more) {
            config["providers"][name] = more["providers"][name].clone();
        }
        let alias = |kind: &str, model: &str| json!({ "kind": kind, "candidates": [model] });
        config["models"] = json!({
            "photo": alias("image", "zekron/zekron-image-1"),
            "clip": alias("video", "zsky/video"),
            "words": alias("text", "generor/37"),
            "voice": alias("speech", "generor/30004"),
            "default": { "image": "photo", "video": "clip", "text": "words", "speech": "voice" },
        });
        let gateway = run().gateway(&config).await;
        let (ours, theirs) = (gateway.team("ours").await, gateway.team("theirs").await);
        Studio::read_by(&ours).await;
        let user = json!({ "name": "ours", "role": "team_admin", "team_id": ours.id });
        let user = gateway.admin().post("/admin/v1/users", &user).await.expect(201).json();
        let admin = gateway.anyone().with_key(user["key"].as_str().expect("a key"));
        Self { gateway, ours, admin, theirs, things: Vec::new(), vendors }
    }

    /// The other team works: one of everything.
    pub(super) async fn work(&mut self) {
        let mut body = image("their secret harbour");
        body["webhook"] = json!({ "url": self.vendors.3.url() });
        let generation = self.theirs.generate(&body).await;
        assert_eq!(generation["status"], "completed", "{generation}");
        let text = |value: &Value| value.as_str().expect("an id").to_owned();
        let clip = json!({ "kind": "video", "prompt": "their secret waves" });
        let clip = self.theirs.generate(&clip).await;
        assert_eq!(clip["status"], "completed", "{clip}");
        let delivery = until("the webhook", || async {
            let all = self.gateway.admin().get("/admin/v1/webhooks").await.expect(200).json();
            all["data"][0]["id"].as_str().map(str::to_owned)
        });
        let user = json!({ "name": "theirs", "role": "team_admin", "team_id": self.theirs.id });
        let user = self.gateway.admin().post("/admin/v1/users", &user).await.expect(201).json();
        self.things = vec![
            (Thing::Generation, text(&generation["id"])),
            (Thing::Video, text(&clip["id"])),
            (Thing::Asset, text(&generation["outputs"][0]["asset"])),
            (Thing::Team, self.theirs.id.clone()),
            (Thing::Key, self.theirs.key_id.clone()),
            (Thing::User, text(&user["id"])),
            (Thing::Webhook, delivery.await),
            (Thing::Account, text(&self.gateway.account("zekron").await["id"])),
        ];
    }

    pub(super) fn id(&self, thing: Thing) -> &str {
        let found = self.things.iter().find(|(known, _)| *known == thing);
        found.map(|(_, id)| id.as_str()).expect("one of everything")
    }

    /// Nothing in an answer is the other team's.
    pub(super) fn assert_silent(&self, text: &str, route: &str) {
        for (thing, id) in self.things.iter().filter(|(thing, _)| *thing != Thing::Account) {
            assert!(!text.contains(id), "{route} tells the other team's {thing:?}: {text}");
        }
        assert!(!text.contains("theirs") && !text.contains("secret harbour"), "{route}: {text}");
    }
}
