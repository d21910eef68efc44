//! Teams: made, joined by a code, left, and led by an owner.

use serde_json::{Value, json};

use super::{
    Generor,
    community::{Event, Team},
    entries::username,
    generation::stamp,
    ledger::Ledger,
    refusal::Refusal,
    reply::Reply,
    routes::Act,
    service::Visit,
};

impl Ledger {
    /// The team of the path, for its members alone.
    pub(crate) fn team_of(&self, visit: &Visit<'_>) -> Result<&Team, Refusal> {
        let user_id = visit.owner()?.user_id;
        let team = self.community.teams.get(&visit.id(0));
        let team = team.ok_or_else(|| Refusal::not_found("Team"))?;
        if team.has(user_id) {
            return Ok(team);
        }
        Err(Refusal::forbidden("You are not a member of this team"))
    }
}

impl Generor {
    pub(crate) fn teams(&self, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let user_id = visit.owner()?.user_id;
        let books = self.books.lock();
        let own = books.community.teams.values().filter(|team| team.has(user_id));
        Ok(Reply::all(own.map(shown).collect()))
    }

    pub(crate) fn team(&self, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        Reply::ok(shown(self.books.lock().team_of(visit)?))
    }

    pub(crate) fn make_team(&self, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let owner = visit.owner()?.user_id;
        let name = visit.fields()?.needed("name", 100)?;
        let mut books = self.books.lock();
        let id = books.community.next_team();
        let invite_code = self.secret("invite", id, visit, 12);
        let members = vec![owner];
        let team = Team { id, name, owner, members, invite_code, at_ms: visit.now_ms };
        let told = shown(&team);
        books.happen(Event::TeamMade(team))?;
        Reply::created(told)
    }

    pub(crate) fn join_team(&self, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let user_id = visit.owner()?.user_id;
        let mut books = self.books.lock();
        let mut teams = books.community.teams.values();
        let team = teams.find(|team| team.invite_code == visit.hole(0)).map(|team| team.id);
        let team = team.ok_or_else(|| Refusal::not_found("Team"))?;
        books.happen(Event::TeamJoined { team, user_id })?;
        told(&books, team)
    }

    /// Leave, add, remove, or another code.
    pub(crate) fn change_team(&self, act: Act, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let user_id = visit.owner()?.user_id;
        let mut books = self.books.lock();
        let (team, is_owner) = {
            let team = books.team_of(visit)?;
            (team.id, team.owner == user_id)
        };
        if matches!(act, Act::RemoveMember | Act::Invite) && !is_owner {
            return Err(Refusal::forbidden("Only the team's owner may do this"));
        }
        let event = match act {
            Act::AddMember => {
                let name = visit.fields()?.needed("username", 100)?;
                Event::TeamJoined { team, user_id: books.user(&name)?.user_id }
            }
            Act::RemoveMember => Event::TeamLeft { team, user_id: visit.id(1) },
            Act::Invite => {
                let code = self.secret("invite", team ^ visit.now_ms.unsigned_abs(), visit, 12);
                Event::Invite { team, code }
            }
            _ => Event::TeamLeft { team, user_id },
        };
        books.happen(event)?;
        if act == Act::LeaveTeam { Reply::done("You left the team") } else { told(&books, team) }
    }
}

fn told(books: &Ledger, team: u64) -> Result<Reply, Refusal> {
    let team = books.community.teams.get(&team).ok_or_else(Refusal::failed)?;
    Reply::ok(shown(team))
}

fn shown(team: &Team) -> Value {
    let member = |id: &u64| json!({ "user_id": id, "username": username(*id) });
    json!({
        "team_id": team.id,
        "name": team.name,
        "owner_id": team.owner,
        "invite_code": team.invite_code,
        "members": team.members.iter().map(member).collect::<Vec<_>>(),
        "created_at": stamp(team.at_ms),
    })
}
