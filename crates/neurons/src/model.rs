//! The registry of models: one line each.

use crate::dynamics::Dynamics;
use crate::parameters::ParameterSpec;
use crate::{adlif, integrator, lif, se_adlif};
use colearn_tape::Real;
use serde::{Deserialize, Serialize};

/// A computation over one model's dynamics, chosen at run time.
pub(crate) trait Visitor<F: Real> {
    /// What the computation returns.
    type Output;
    /// Runs with the dynamics `D`.
    fn visit<D: Dynamics<F, S, P>, const S: usize, const P: usize>(self) -> Self::Output;
}

macro_rules! registry {
    ($($(#[$doc:meta])* $variant:ident $name:literal: $dynamics:ty, $states:literal, $parameters:literal, $specs:expr;)*) => {
        /// A neuron model. In configurations it is known by its [`NeuronModel::name`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum NeuronModel {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl NeuronModel {
            /// Every model.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name in configurations.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The model's own parameters, in the order in which every function of this crate takes them.
            #[must_use]
            pub fn specs(self) -> &'static [ParameterSpec] {
                match self { $(Self::$variant => &$specs,)* }
            }

            /// Number of state variables; the first is the membrane u.
            #[must_use]
            pub fn states(self) -> usize {
                match self { $(Self::$variant => $states,)* }
            }

            /// Whether the output is spikes; if not it is the membrane.
            #[must_use]
            pub fn is_spiking(self) -> bool {
                match self {
                    $(Self::$variant => <$dynamics as Dynamics<f64, $states, $parameters>>::SPIKING,)*
                }
            }

            /// Runs `visitor` with this model's dynamics.
            pub(crate) fn visit<F: Real, V: Visitor<F>>(self, visitor: V) -> V::Output {
                match self {
                    $(Self::$variant => visitor.visit::<$dynamics, $states, $parameters>(),)*
                }
            }
        }
    };
}

registry! {
    /// Leaky integrate-and-fire: u ← α(u − s) + (1 − α)I.
    Lif "lif": lif::Lif, 1, 1, lif::PARAMETERS;
    /// Adaptive, in the box of Bittar & Garner 2022: w ← βw + au + bs, then u ← α(u − s) + (1 − α)(I − w).
    Adlif "adlif": adlif::Adlif, 2, 4, adlif::UNCONSTRAINED;
    /// Adaptive, in the constrained box of Deckers et al. 2024: the equations of [`NeuronModel::Adlif`].
    Cadlif "cadlif": adlif::Adlif, 2, 4, adlif::CONSTRAINED;
    /// Adaptive, symplectic Euler with hard reset: û ← αu + (1 − α)(I − w), then u ← û(1 − s),
    /// w ← βw + (1 − β)q(au + bs) (Baronig et al. 2025).
    SeAdlif "se_adlif": se_adlif::SeAdlif<true>, 2, 4, se_adlif::PARAMETERS;
    /// Leaky integrator without spikes: u ← αu + (1 − α)I; its output is u.
    Integrator "integrator": integrator::Integrator, 1, 1, integrator::PARAMETERS;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::ParameterRole;

    #[test]
    fn names_are_those_of_configurations() {
        let names: Vec<_> = NeuronModel::ALL.iter().map(|m| m.name()).collect();
        assert_eq!(names, ["lif", "adlif", "cadlif", "se_adlif", "integrator"]);
    }

    #[test]
    fn every_box_starts_inside_its_bounds_and_time_constants_inside_one() {
        for model in NeuronModel::ALL {
            for spec in model.specs() {
                assert!(
                    spec.bounds.0 <= spec.initial.0 && spec.initial.1 <= spec.bounds.1,
                    "{model:?} {spec:?}"
                );
                if spec.role == ParameterRole::TimeConstant {
                    assert!(spec.bounds.0 > 0.0 && spec.bounds.1 < 1.0, "{model:?} {spec:?}");
                }
            }
        }
    }

    #[test]
    fn boxes_given_as_numbers_are_the_decays_of_whole_time_constants() {
        let decays = |model: NeuronModel, k: usize| {
            let (low, high) = model.specs()[k].bounds;
            (-1.0 / low.ln(), -1.0 / high.ln())
        };
        let expected = [
            (NeuronModel::Adlif, 0, (5.0, 25.0)),
            (NeuronModel::Adlif, 1, (30.0, 120.0)),
            (NeuronModel::SeAdlif, 0, (5.0, 25.0)),
            (NeuronModel::SeAdlif, 1, (60.0, 300.0)),
            (NeuronModel::Integrator, 0, (5.0, 25.0)),
        ];
        for (model, k, (low, high)) in expected {
            let found = decays(model, k);
            approx::assert_relative_eq!(found.0, low, max_relative = 1e-12);
            approx::assert_relative_eq!(found.1, high, max_relative = 1e-12);
        }
    }
}
