//! What the supervisor costs.

use std::path::Path;

use minions_protocol::{Price, PriceTable};

use crate::exit::Failure;
use crate::input;
use crate::supervisor::Supervisor;

pub struct KnownPrice {
    pub price: Price,
    pub currency: String,
}

/// The supervisor's price by the user's table and the included one; `None` if neither knows it.
pub fn find(own: Option<&Path>, supervisor: &Supervisor) -> Result<Option<KnownPrice>, Failure> {
    let own = own.map(read).transpose()?;
    let table = match (own, supervisor.is_here) {
        (Some(own), false) => Some(PriceTable::builtin().overridden_by(own)),
        (None, false) => Some(PriceTable::builtin()),
        (own, true) => own,
    };
    let found = table.and_then(|table| {
        let price = *table.price(supervisor.name.as_deref()?)?;
        Some(KnownPrice { price, currency: table.currency })
    });
    Ok(found)
}

fn read(path: &Path) -> Result<PriceTable, Failure> {
    let table = PriceTable::from_json(&input::text(path)?);
    table.map_err(|error| Failure::input(format!("{}: {error}", path.display())))
}
