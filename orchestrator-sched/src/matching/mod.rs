//! The rules by which pods name nodes and other pods: selectors, taints and tolerations.

mod node_selector;
mod taints;

pub use node_selector::{NodeTerm, RequiredNodes};
pub use taints::{effects, first_untolerated, tolerates, untolerated};
