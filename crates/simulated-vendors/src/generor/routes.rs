//! The page's endpoints as a table: which there are, who may come, and under which name faults and counts know them.

use crate::faults::PathClass;

/// What the vendor's page calls the base URL ends so.
pub(crate) const BASE: &str = "/api/v1";

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Generators,
    Generator,
    GeneratorCreations,
    Estimate,
    Generate,
    Creations,
    PublicCreations,
    Search,
    Creation,
    Status,
    ChangeCreation,
    DeleteCreation,
    Models,
    ModelsOf,
    Model,
    Me,
    ChangeMe,
    User,
    UserCreations,
    Followers,
    Following,
    Follow,
    Unfollow,
    DoesFollow,
    Teams,
    MakeTeam,
    Team,
    LeaveTeam,
    AddMember,
    RemoveMember,
    JoinTeam,
    Invite,
    TeamCreations,
    Comments,
    Comment,
    DeleteComment,
    Vote,
    Rating,
    Rate,
    Balance,
    Transactions,
    Feed,
    Keys,
    MakeKey,
    RevokeKey,
}

/// Who may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Anybody.
    Open,
    /// AUTH, says the page.
    Key,
}

#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pattern: &'static str,
    pub(crate) act: Act,
    pub(crate) door: Door,
}

const fn open(method: &'static str, pattern: &'static str, act: Act) -> Route {
    Route { method, pattern, act, door: Door::Open }
}

const fn key(method: &'static str, pattern: &'static str, act: Act) -> Route {
    Route { method, pattern, act, door: Door::Key }
}

/// In the order of the page, but a word before what stands for any.
static ROUTES: [Route; 45] = [
    open("GET", "generators", Act::Generators),
    open("GET", "generators/{}", Act::Generator),
    open("GET", "generators/{}/creations", Act::GeneratorCreations),
    open("POST", "generators/{}/estimate", Act::Estimate),
    key("POST", "generators/{}/generate", Act::Generate),
    key("GET", "creations", Act::Creations),
    open("GET", "creations/public", Act::PublicCreations),
    open("GET", "creations/search", Act::Search),
    open("GET", "creations/{}", Act::Creation),
    key("GET", "creations/{}/status", Act::Status),
    key("PATCH", "creations/{}", Act::ChangeCreation),
    key("DELETE", "creations/{}", Act::DeleteCreation),
    open("GET", "models", Act::Models),
    open("GET", "models/{}", Act::ModelsOf),
    open("GET", "models/{}/{}", Act::Model),
    key("GET", "users/me", Act::Me),
    key("PATCH", "users/me", Act::ChangeMe),
    open("GET", "users/{}", Act::User),
    open("GET", "users/{}/creations", Act::UserCreations),
    open("GET", "users/{}/followers", Act::Followers),
    open("GET", "users/{}/following", Act::Following),
    key("POST", "users/{}/follow", Act::Follow),
    key("DELETE", "users/{}/follow", Act::Unfollow),
    key("GET", "users/{}/follow", Act::DoesFollow),
    key("GET", "teams", Act::Teams),
    key("POST", "teams", Act::MakeTeam),
    key("GET", "teams/{}", Act::Team),
    key("DELETE", "teams/{}", Act::LeaveTeam),
    key("POST", "teams/{}/members", Act::AddMember),
    key("DELETE", "teams/{}/members/{}", Act::RemoveMember),
    key("POST", "teams/join/{}", Act::JoinTeam),
    key("POST", "teams/{}/invite", Act::Invite),
    key("GET", "teams/{}/creations", Act::TeamCreations),
    open("GET", "creations/{}/comments", Act::Comments),
    key("POST", "creations/{}/comments", Act::Comment),
    key("DELETE", "comments/{}", Act::DeleteComment),
    key("POST", "comments/{}/vote", Act::Vote),
    open("GET", "creations/{}/rating", Act::Rating),
    key("POST", "creations/{}/rating", Act::Rate),
    key("GET", "credits/balance", Act::Balance),
    key("GET", "credits/transactions", Act::Transactions),
    key("GET", "feed", Act::Feed),
    key("GET", "api-keys", Act::Keys),
    key("POST", "api-keys", Act::MakeKey),
    key("DELETE", "api-keys/{}", Act::RevokeKey),
];

/// Every endpoint that is served: its method, and its path under the base URL with `{}` for what stands for any.
pub fn endpoints() -> impl Iterator<Item = (&'static str, String)> {
    ROUTES.iter().map(|route| (route.method, format!("/{}", route.pattern)))
}

/// An endpoint, and what stood where its pattern has a hole.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) route: &'static Route,
    pub(crate) holes: Vec<String>,
}

/// Why there is no such endpoint.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    Path,
    /// With what it could be asked.
    Method(String),
}

/// The endpoint of a path under [`BASE`].
pub(crate) fn find(method: &str, path: &str) -> Result<Found, Lost> {
    let path = path.trim_matches('/');
    let fitting = ROUTES.iter().filter_map(|route| Some((route, route.fits(path)?)));
    let mut fitting: Vec<_> = fitting.collect();
    if let Some(place) = fitting.iter().position(|(route, _)| route.method == method) {
        let (route, holes) = fitting.swap_remove(place);
        return Ok(Found { route, holes });
    }
    if fitting.is_empty() {
        return Err(Lost::Path);
    }
    let mut methods: Vec<_> = fitting.iter().map(|(route, _)| route.method).collect();
    methods.dedup();
    Err(Lost::Method(methods.join(", ")))
}

impl Route {
    fn fits(&self, path: &str) -> Option<Vec<String>> {
        let (mut pattern, mut given) = (self.pattern.split('/'), path.split('/'));
        let mut holes = Vec::new();
        loop {
            match (pattern.next(), given.next()) {
                (None, None) => return Some(holes),
                (Some("{}"), Some(hole)) if !hole.is_empty() => holes.push(hole.to_owned()),
                (Some(word), Some(given)) if word == given => {}
                _ => return None,
            }
        }
    }

    pub(crate) fn class(&self) -> PathClass {
        match self.act {
            Act::Estimate => PathClass::Estimate,
            Act::Generate => PathClass::Generate,
            Act::Generators | Act::Generator | Act::Models | Act::ModelsOf | Act::Model => {
                PathClass::Catalogue
            }
            Act::Creations
            | Act::Creation
            | Act::Status
            | Act::ChangeCreation
            | Act::DeleteCreation => PathClass::Creations,
            Act::Balance | Act::Me => PathClass::Balance,
            Act::Transactions => PathClass::Transactions,
            Act::Keys | Act::MakeKey | Act::RevokeKey => PathClass::Keys,
            _ => PathClass::Community,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Act, Lost, find};

    #[test]
    fn a_word_goes_before_a_hole_and_a_method_that_is_not_there_says_which_are() {
        let act = |method, path| find(method, path).map(|found| found.route.act);
        assert_eq!(act("GET", "/creations/public"), Ok(Act::PublicCreations));
        assert_eq!(act("GET", "/creations/12"), Ok(Act::Creation));
        assert_eq!(act("GET", "/users/me"), Ok(Act::Me));
        assert_eq!(act("POST", "/teams/join/abc"), Ok(Act::JoinTeam));
        assert_eq!(act("DELETE", "/teams/4/members/5"), Ok(Act::RemoveMember));
        let methods = Lost::Method("GET, PATCH, DELETE".to_owned());
        assert_eq!(act("PUT", "/creations/12"), Err(methods));
        assert_eq!(act("GET", "/creations/12/nothing"), Err(Lost::Path));
        assert_eq!(find("GET", "models/text/37").unwrap().holes, ["text", "37"]);
    }
}
