//! A team with a key, as a caller.

use serde_json::{Value, json};

use crate::{Client, Reply, gateway_process::merge, path_of, until};

/// A team, its key, and the client that uses it.
#[derive(Debug, Clone)]
pub struct Team {
    /// `team_...`
    pub id: String,
    /// `key_...`
    pub key_id: String,
    /// `atl_...`
    pub key: String,
    /// Calls with that key.
    pub client: Client,
}

impl Team {
    /// Makes a team with a key for everything.
    pub async fn create(admin: &Client, name: &str) -> Self {
        Self::create_with(admin, name, &json!({})).await
    }

    /// The same with more of a team's fields (`budget`, `limits`, `weight`).
    pub async fn create_with(admin: &Client, name: &str, more: &Value) -> Self {
        let mut team = json!({ "name": name });
        merge(&mut team, more);
        let team = admin.post("/admin/v1/teams", &team).await.expect(201).json();
        Self::of(admin, team["id"].as_str().expect("a team's id"), &json!({})).await
    }

    /// The same team with another key, which has these fields too (`budget`, `limits`, `models`).
    pub async fn another_key(&self, admin: &Client, more: &Value) -> Self {
        Self::of(admin, &self.id, more).await
    }

    async fn of(admin: &Client, id: &str, more: &Value) -> Self {
        let mut key = json!({ "team_id": id, "name": "main", "scopes": ["generate", "read"] });
        merge(&mut key, more);
        let key = admin.post("/admin/v1/keys", &key).await.expect(201).json();
        let text = key["key"].as_str().expect("the key itself").to_owned();
        Self {
            id: id.to_owned(),
            key_id: key["id"].as_str().expect("a key's id").to_owned(),
            client: Client::new(admin.base()).with_key(&text),
            key: text,
        }
    }

    /// Makes a generation and waits for its end: the whole answer, which must be a 201.
    pub async fn generate(&self, body: &Value) -> Value {
        let wait = [("prefer", "wait=60")];
        self.client.post_with("/v1/generations", body, &wait).await.expect(201).json()
    }

    /// Begins a generation: its id.
    pub async fn begin(&self, body: &Value) -> String {
        let begun = self.client.post("/v1/generations", body).await.expect(202).json();
        begun["id"].as_str().expect("an id").to_owned()
    }

    /// A generation as it stands.
    pub async fn generation(&self, id: &str) -> Value {
        self.client.get(&format!("/v1/generations/{id}")).await.expect(200).json()
    }

    /// A generation in its final state.
    pub async fn ended(&self, id: &str) -> Value {
        until(&format!("the end of {id}"), || async {
            let generation = self.generation(id).await;
            is_final(&generation).then_some(generation)
        })
        .await
    }

    /// Every generation of the team, page by page.
    pub async fn generations(&self) -> Vec<Value> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/v1/generations?limit=100{cursor}");
            let page = self.client.get(&path).await.expect(200).json();
            all.extend(page["data"].as_array().expect("a list").clone());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }

    /// The bytes behind the link of an output.
    pub async fn download(&self, output: &Value) -> Reply {
        let link = output["url"].as_str().unwrap_or_else(|| panic!("no link: {output}"));
        // The link alone must open it, without a key.
        Client::new(self.client.base()).get(path_of(link)).await.expect(200)
    }
}

fn is_final(generation: &Value) -> bool {
    matches!(generation["status"].as_str(), Some("completed" | "failed" | "blocked" | "cancelled"))
}
