//! What a loop over time of another crate is written with.
//!
//! The scans of this crate know units that do not see each other. Whoever couples them, as `colearn-layers` does with
//! recurrent synapses, writes a loop of its own around the same equations: it visits a model's [`Dynamics`]
//! ([`Visitor`], [`NeuronModel::visit`](crate::NeuronModel::visit)), goes a step forward ([`integrate`]) and back
//! ([`adjoint`]) for one sample or sixteen ([`Value`]), and fires with what the neuron's [`Output`] says.

pub use crate::chunk::{Drives, check_drives};
pub use crate::dynamics::{Dynamics, IntegrateAdjoint, SettleAdjoint, Values};
pub use crate::fire::{Fire, Membrane, Output, SoftStep, Step};
pub use crate::lane_step::{Carried, Visited, adjoint, integrate};
pub use crate::models::Visitor;
pub use crate::norm::{Normalisation, affine_gradients};
pub use crate::shape::{check, clamped, masked};
pub use crate::value::Value;
