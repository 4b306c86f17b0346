//! What one write of a service takes, until it is known whether the write happens.

use orchestrator_core::Status;
use orchestrator_core::field::{FieldErrorKind, FieldErrors};
use orchestrator_core::object::Object;
use orchestrator_core::store::Key;
use parking_lot::Mutex;

use super::draft::Draft;
use super::{Held, Pools, claim, is_service};
use crate::pipeline::Cx;
use crate::registry::Beside;

/// Addresses and ports taken for a write; dropped without [`keep`](Self::keep) it gives them back.
#[must_use]
pub(crate) struct Reservation<'a> {
    pools: Option<&'a Mutex<Pools>>,
    /// What was taken.
    taken: Held,
    /// What the write gives up, where it happens.
    given_up: Held,
    beside: Beside,
}

/// Whether the server hands something out to the objects that the request is about.
pub(crate) fn hands_out(cx: &Cx<'_>) -> bool {
    is_service(cx) && cx.request.subresource.is_empty()
}

/// What goes with a service that is removed; nothing for other kinds.
pub(crate) fn given_up(cx: &Cx<'_>, old: &Object) -> Beside {
    match is_service(cx) {
        true => Beside { take: Vec::new(), give: claim::keys(&Held::by(old)) },
        false => Beside::default(),
    }
}

impl<'a> Reservation<'a> {
    const NONE: Self = Self {
        pools: None,
        taken: Held { addresses: Vec::new(), ports: Vec::new() },
        given_up: Held { addresses: Vec::new(), ports: Vec::new() },
        beside: Beside { take: Vec::new(), give: Vec::new() },
    };

    /// Fills in what `new` leaves to the server and takes what it names; nothing for other kinds.
    ///
    /// # Errors
    /// 422: the service names something that is taken, or outside the range.
    pub(crate) async fn for_write(
        cx: &Cx<'a>,
        new: &mut Object,
        old: Option<&Object>,
    ) -> Result<Reservation<'a>, Status> {
        if !hands_out(cx) {
            return Ok(Self::NONE);
        }
        let server = cx.server;
        let pools = server.services.pools(&server.objects, &server.env).await?;
        let held = old.map(Held::by).unwrap_or_default();
        let named = Held::by(new).minus(&held);
        let cidr = &server.network.service_cidr;
        if !named.addresses.is_empty() && pools.lock().is_outside(&named) {
            server.services.widen(&server.objects, cidr).await?;
        }
        server.services.look_again(&server.objects, &named).await?;
        let mut filled = Self::fill(cx, pools, &held, new);
        if filled.as_ref().is_err_and(|errors| errors.is_full()) {
            // Others may have given something back, or made further ranges.
            server.services.load(&server.objects, &server.env).await?;
            server.services.widen(&server.objects, cidr).await?;
            filled = Self::fill(cx, pools, &held, new);
        }
        let taken = filled
            .map_err(|errors| Status::invalid(&cx.resource.group_kind, new.name(), &errors.0))?;
        if cx.request.options.is_dry_run() {
            return Ok(Self::NONE);
        }
        let given_up = held.minus(&Held::by(new));
        let beside = claim::beside(&server.env, &new.key(), &taken, &given_up);
        Ok(Self { pools: Some(pools), taken, given_up, beside })
    }

    /// Fills in `new`; what was taken for it.
    fn fill(
        cx: &Cx<'_>,
        pools: &Mutex<Pools>,
        held: &Held,
        new: &mut Object,
    ) -> Result<Held, Refused> {
        let server = cx.server;
        let dry_run = cx.request.options.is_dry_run();
        let mut draft = Draft {
            pools: &mut pools.lock(),
            env: &server.env,
            held,
            taken: Held::default(),
            cidr: &server.network.service_cidr,
            node_ports: server.network.node_ports,
            dry_run,
        };
        let result = draft.fill(new);
        let taken = std::mem::take(&mut draft.taken);
        if dry_run || result.is_err() {
            draft.pools.free(&taken);
        }
        result.map(|()| taken).map_err(Refused)
    }

    /// What the write does to claims.
    pub(crate) fn beside(&self) -> &Beside {
        &self.beside
    }

    /// The write has happened.
    pub(crate) fn keep(mut self) {
        if let Some(pools) = self.pools.take() {
            pools.lock().free(&self.given_up);
        }
    }

    /// The write has not happened, because others have the claims `keys`.
    pub(crate) fn lost(self, keys: &[Key]) {
        let Some(pools) = self.pools else { return };
        drop(self);
        let mut pools = pools.lock();
        keys.iter().for_each(|key| pools.mark(&claim::of(key)));
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if let Some(pools) = self.pools {
            pools.lock().free(&self.taken);
        }
    }
}

/// Why a service cannot be filled in.
struct Refused(FieldErrors);

impl Refused {
    /// Whether it is for want of a free number.
    fn is_full(&self) -> bool {
        self.0.iter().any(|error| error.kind == FieldErrorKind::Internal)
    }
}
