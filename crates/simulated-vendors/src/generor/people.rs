//! Other people: profiles, follows, comments and ratings. Thin, but real: what is written here is read back.

use serde_json::{Value, json};

use super::{
    Generor,
    community::{Comment, Event},
    entries::{Account, Entry, username},
    generation::{decimal, stamp},
    ledger::Ledger,
    refusal::Refusal,
    reply::{Reply, unescaped},
    routes::Act,
    service::Visit,
};

impl Ledger {
    pub(crate) fn user(&self, name: &str) -> Result<&Account, Refusal> {
        let mut accounts = self.accounts.values();
        accounts
            .find(|account| account.username() == name)
            .ok_or_else(|| Refusal::not_found("User"))
    }

    pub(crate) fn happen(&mut self, event: Event) -> Result<(), Refusal> {
        self.write(Entry::Community(event)).map_err(|error| Refusal::broken(&error))
    }

    fn seen(&self, visit: &Visit<'_>) -> Result<u64, Refusal> {
        let user_id = visit.customer().map(|key| key.user_id);
        let seen = self.visible(visit.id(0), user_id);
        seen.map(|(creation, _)| creation.id).ok_or_else(|| Refusal::not_found("Creation"))
    }
}

impl Generor {
    pub(crate) fn user(&self, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let books = self.books.lock();
        let account = books.user(&unescaped(visit.hole(0)))?;
        let user_id = account.user_id;
        let is_shown = |id: &&u64| {
            let seen = books.visible(**id, None);
            seen.is_some_and(|(creation, _)| creation.user_id == user_id)
        };
        Reply::ok(json!({
            "user_id": user_id,
            "username": account.username(),
            "avatar": null,
            "bio": account.bio,
            "website": account.website,
            "joined": stamp(account.joined_ms),
            "creation_count": books.creations.keys().filter(is_shown).count(),
            "follower_count": books.community.followers(user_id).len(),
            "following_count": books.community.following(user_id).len(),
        }))
    }

    pub(crate) fn follow_list(&self, act: Act, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let books = self.books.lock();
        let user_id = books.user(&unescaped(visit.hole(0)))?.user_id;
        let users = match act {
            Act::Followers => books.community.followers(user_id),
            _ => books.community.following(user_id),
        };
        drop(books);
        Ok(visit.page().cut(&users, |id| json!({ "user_id": id, "username": username(*id) })))
    }

    pub(crate) fn follow(&self, act: Act, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let user_id = visit.owner()?.user_id;
        let mut books = self.books.lock();
        let other = books.user(&unescaped(visit.hole(0)))?.user_id;
        if act != Act::DoesFollow {
            if other == user_id {
                return Err(Refusal::invalid("You cannot follow yourself"));
            }
            let follows = act == Act::Follow;
            books.happen(Event::Followed { user_id, other, follows })?;
        }
        Reply::ok(json!({ "following": books.community.does_follow(user_id, other) }))
    }

    pub(crate) fn comments(&self, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let books = self.books.lock();
        let creation = books.seen(visit)?;
        let of = books.community.comments.values().filter(|of| of.creation == creation);
        Ok(visit.page().sorted(of.collect(), |comment| shown(comment, &books)))
    }

    pub(crate) fn comment(&self, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let (user_id, fields) = (visit.owner()?.user_id, visit.fields()?);
        let text = fields.needed("text", 10_000)?;
        let parent_id = fields.id("parent_id")?;
        let mut books = self.books.lock();
        let creation = books.seen(visit)?;
        let parent = parent_id.map(|id| books.community.comments.get(&id));
        if parent.is_some_and(|parent| parent.is_none_or(|parent| parent.creation != creation)) {
            return Err(Refusal::not_found("Comment"));
        }
        let (id, at_ms) = (books.community.next_comment(), visit.now_ms);
        let comment = Comment { id, creation, user_id, text, parent_id, at_ms };
        let told = shown(&comment, &books);
        books.happen(Event::Commented(comment))?;
        Reply::created(told)
    }

    pub(crate) fn delete_comment(&self, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let user_id = visit.owner()?.user_id;
        let mut books = self.books.lock();
        let comment = books.community.comments.get(&visit.id(0));
        let comment = comment.ok_or_else(|| Refusal::not_found("Comment"))?;
        if comment.user_id != user_id {
            return Err(Refusal::forbidden("You can only delete your own comments"));
        }
        let comment = comment.id;
        books.happen(Event::Uncommented { comment })?;
        Reply::done("Comment deleted")
    }

    pub(crate) fn vote(&self, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let (user_id, fields) = (visit.owner()?.user_id, visit.fields()?);
        let up = match fields.text("vote")? {
            Some("up") => true,
            Some("down") => false,
            _ => return Err(Refusal::invalid("vote must be up or down")),
        };
        let mut books = self.books.lock();
        let comment = books.community.comments.get(&visit.id(0)).map(|comment| comment.id);
        let comment = comment.ok_or_else(|| Refusal::not_found("Comment"))?;
        books.happen(Event::Voted { comment, user_id, up })?;
        Reply::ok(json!({ "comment_id": comment, "score": books.community.score(comment) }))
    }

    pub(crate) fn rating(&self, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let books = self.books.lock();
        let creation = books.seen(visit)?;
        Reply::ok(rated(creation, &books))
    }

    pub(crate) fn rate_creation(&self, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let (user_id, fields) = (visit.owner()?.user_id, visit.fields()?);
        let score = fields.within("score", 1, 5)?;
        let score = score.ok_or_else(|| Refusal::invalid("score is required"))?;
        let mut books = self.books.lock();
        let creation = books.seen(visit)?;
        books.happen(Event::Rated { creation, user_id, score })?;
        Reply::ok(rated(creation, &books))
    }
}

fn rated(creation: u64, books: &Ledger) -> Value {
    let (hundredths, count) = books.community.rating(creation);
    json!({ "creation_id": creation, "average": decimal(hundredths), "count": count })
}

fn shown(comment: &Comment, books: &Ledger) -> Value {
    json!({
        "comment_id": comment.id,
        "creation_id": comment.creation,
        "user_id": comment.user_id,
        "username": username(comment.user_id),
        "text": comment.text,
        "parent_id": comment.parent_id,
        "score": books.community.score(comment.id),
        "created_at": stamp(comment.at_ms),
    })
}
