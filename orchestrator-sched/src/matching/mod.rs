//! The rules by which pods name nodes and other pods: selectors, taints and tolerations.

mod labels;
mod node_selector;
mod taints;

pub use labels::LabelMatcher;
pub use node_selector::{NodeTerm, RequiredNodes};
pub use taints::{effects, first_untolerated, tolerates, untolerated};
