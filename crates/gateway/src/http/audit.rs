//! Administration: who changed what.
#![expect(unused_qualifications, reason = "utoipa's `params(..)` expands to a qualified path")]

use actix_web::{HttpRequest, HttpResponse, web::Data};
use engine::keys::Right;
use provider::Timestamp;
use records::{AuditEntry, AuditFilter, Role};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{
    State, auth,
    dto_admin::role_schema,
    error::{ErrorBody, Result},
    query::{self, List, PageQuery},
};

/// Which changes.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditQuery {
    /// Only those of this operator: `usr_...`, or `admin` for the configured key.
    actor: Option<String>,
    /// Only those of this sort, such as `key.rotate`.
    action: Option<String>,
    /// Only those of what has this id.
    target: Option<String>,
    /// A time or a day.
    from: Option<String>,
    /// A time or a day, not included.
    to: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// One change. Secrets are not in it.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditDto<'a> {
    id: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// `usr_...`, `admin` for the configured key, or `cli`.
    actor: &'a str,
    /// What they were allowed to do.
    #[schema(schema_with = role_schema)]
    role: Role,
    /// From where; `null` where it came by no network.
    address: Option<&'a str>,
    #[schema(example = "key.rotate")]
    action: &'a str,
    /// The id of what was changed.
    target: &'a str,
    /// How it was.
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// How it is since then.
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
}

impl<'a> From<&'a AuditEntry> for AuditDto<'a> {
    fn from(entry: &'a AuditEntry) -> Self {
        let document = |text: &Option<String>| {
            text.as_deref().and_then(|text| serde_json::from_str(text).ok())
        };
        Self {
            id: entry.id.to_string(),
            at: entry.at,
            actor: &entry.actor,
            role: entry.role,
            address: entry.address.as_deref(),
            action: &entry.action,
            target: &entry.target,
            before: document(&entry.before),
            after: document(&entry.after),
        }
    }
}

/// Lists who changed what, newest first.
#[utoipa::path(get, path = "/admin/v1/audit", tag = "administration", params(AuditQuery),
    responses((status = 200, description = "A page", body = List<AuditDto<'_>>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn list(request: HttpRequest, state: Data<State>) -> Result {
    auth::operator(&request, &state, Right::ReadAudit).await?;
    let asked: AuditQuery = query::read(&request)?;
    let (from, to) = query::span(asked.from.as_deref(), asked.to.as_deref())?;
    let page = PageQuery::new(asked.limit, asked.cursor).page()?;
    let filter =
        AuditFilter { actor: asked.actor, action: asked.action, target: asked.target, from, to };
    let mut rows = state.engine.keys().audit(filter, page.clone()).await?;
    let more = query::cut(&mut rows, &page, |entry: &AuditEntry| entry.id.to_string());
    Ok(HttpResponse::Ok().json(query::list(&rows, more, AuditDto::from)))
}
