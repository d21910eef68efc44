//! A team's words go; its money stays in the books.

use provider::Timestamp;
use rusqlite::{Connection, params};

use crate::{
    Result,
    sqlite::{must, run},
};

/// Wipes a team that may work no longer, as [`Change::EraseTeam`](crate::Change::EraseTeam) says.
///
/// What happens to each generation is what `generations::erase` does to one, but for the assets: they
/// expire, so that the usual sweep removes rows and bytes together.
pub(in crate::sqlite) fn erase_team(conn: &Connection, id: &str, at: Timestamp) -> Result<()> {
    let sql = "UPDATE teams SET name = '', webhook_secret = NULL \
               WHERE id = ? AND revoked_at IS NOT NULL";
    must(conn, id, sql, [id])?;
    // No name is left of its keys and of the people who looked after them, and nobody of them gets in.
    let sql = "UPDATE keys SET name = '', metadata = '{}', \
               revoked_at = coalesce(revoked_at, ?2) WHERE team = ?1";
    run(conn, sql, params![id, at.millis()])?;
    let sql = "UPDATE users SET name = '', revoked_at = coalesce(revoked_at, ?2) WHERE team = ?1";
    run(conn, sql, params![id, at.millis()])?;
    generations(conn, id)?;
    let sql = "UPDATE assets SET expires_at = min(expires_at, ?2) WHERE team = ?1";
    run(conn, sql, params![id, at.millis()])?;
    run(conn, "DELETE FROM idempotency WHERE team = ?", [id])?;
    run(conn, "DELETE FROM deliveries WHERE team = ?", [id]).map(drop)
}

/// Attempts first: which generations are theirs is found by the index of those that are not erased. Their
/// shadows (as [`shadow_id`](crate::shadow_id) names them) are another team's, but hold the same words.
fn generations(conn: &Connection, team: &str) -> Result<()> {
    const SHADOWS: &str = "(SELECT id || 's' FROM generations WHERE team = ? AND erased = 0)";
    let sql = format!(
        "UPDATE attempts SET detail = NULL, remote = '[]' WHERE ended_at IS NOT NULL \
         AND generation IN {SHADOWS}"
    );
    run(conn, &sql, [team])?;
    let sql = format!("UPDATE assets SET expires_at = 0 WHERE generation IN {SHADOWS}");
    run(conn, &sql, [team])?;
    let sql = format!(
        "UPDATE generations SET erased = 1, request = '', metadata = '{{}}', outputs = '[]', \
         adjustments = '{{}}', error_message = iif(error_code IS NULL, NULL, '') \
         WHERE erased = 0 AND id IN {SHADOWS}"
    );
    run(conn, &sql, [team])?;
    let sql = "UPDATE attempts SET detail = NULL, remote = '[]' WHERE ended_at IS NOT NULL \
               AND generation IN (SELECT id FROM generations WHERE team = ? AND erased = 0)";
    run(conn, sql, [team])?;
    let sql = "UPDATE generations SET erased = 1, request = '', metadata = '{}', outputs = '[]', \
               adjustments = '{}', error_message = iif(error_code IS NULL, NULL, '') \
               WHERE team = ? AND erased = 0";
    run(conn, sql, [team]).map(drop)
}
