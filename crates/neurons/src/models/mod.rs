//! The registry of models: one line each. What a model is stands in its own file.

use crate::dynamics::{Dynamics, ElementaryStep, Model, VariableSpec};
use crate::parameters::ParameterSpec;
use colearn_tape::{Real, Tape, Var};
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) mod adlif;
mod alif;
pub(crate) mod coupled;
mod integrator;
mod lif;
mod se_adlif;

/// A computation over one model's dynamics, chosen at run time.
pub trait Visitor {
    /// What the computation returns.
    type Output;
    /// Runs with the dynamics `D`.
    fn visit<D: Dynamics>(self) -> Self::Output;
}

macro_rules! registry {
    // `$d` is a dollar sign, which the macro inside needs.
    ($d:tt $($(#[$doc:meta])* $variant:ident: $model:ty;)*) => {
        /// A neuron model. In configurations it is known by its [`NeuronModel::name`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum NeuronModel {
            $($(#[$doc])* $variant,)*
        }

        /// Evaluates an expression with `M` as the type of a model.
        macro_rules! of_model {
            ($d of:expr, $d M:ident => $d value:expr) => {
                match $d of {
                    $(NeuronModel::$variant => {
                        type $d M = $model;
                        $d value
                    })*
                }
            };
        }

        impl NeuronModel {
            /// Every model.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
        }
    };
}

registry! { $
    /// Leaky integrate-and-fire: u ← α(u − s) + (1 − α)I.
    Lif: lif::Lif;
    /// Adaptive, in the box of Bittar & Garner 2022: w ← βw + au + bs, then u ← α(u − s) + (1 − α)(I − w).
    Adlif: adlif::Unconstrained;
    /// Adaptive, in the constrained box of Deckers et al. 2024: the equations of [`NeuronModel::Adlif`].
    Cadlif: adlif::Constrained;
    /// Adaptive, symplectic Euler with hard reset: û ← αu + (1 − α)(I − w), then u ← û(1 − s),
    /// w ← βw + (1 − β)q(au + bs) (Baronig et al. 2025).
    SeAdlif: se_adlif::SeAdlif<true>;
    /// LIF whose threshold rises with the neuron's own spikes: u as in [`NeuronModel::Lif`], b ← ρb + (1 − ρ)s, and a spike
    /// where u − β_a b > θ (Bellec et al. 2018, Salaj et al. 2021).
    Alif: alif::Alif;
    /// Leaky integrator without spikes: u ← αu + (1 − α)I; its output is u.
    Integrator: integrator::Integrator;
}

impl NeuronModel {
    /// The name in configurations.
    #[must_use]
    pub fn name(self) -> &'static str {
        of_model!(self, M => M::NAME)
    }

    /// The model of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|model| model.name() == name)
    }

    /// The name in figures and tables.
    #[must_use]
    pub fn label(self) -> &'static str {
        of_model!(self, M => M::LABEL)
    }

    /// The equations of one step.
    #[must_use]
    pub fn equations(self) -> &'static str {
        of_model!(self, M => M::EQUATIONS)
    }

    /// Who published the equations, and where the bounds come from.
    #[must_use]
    pub fn source(self) -> &'static str {
        of_model!(self, M => M::SOURCE)
    }

    /// The model's own parameters, in the order in which every function of this crate takes them.
    #[must_use]
    pub fn specs(self) -> &'static [ParameterSpec] {
        of_model!(self, M => M::SPECS)
    }

    /// The state variables; the first is the membrane u.
    #[must_use]
    pub fn variables(self) -> &'static [VariableSpec] {
        of_model!(self, M => M::VARIABLES)
    }

    /// Number of state variables.
    #[must_use]
    pub fn states(self) -> usize {
        self.variables().len()
    }

    /// Whether the output is spikes; if not it is the membrane.
    #[must_use]
    pub fn is_spiking(self) -> bool {
        of_model!(self, M => <M as Model>::Dynamics::SPIKING)
    }

    /// Whether a spike changes the state within its own step, as a hard reset does.
    #[must_use]
    pub fn settles(self) -> bool {
        of_model!(self, M => M::SETTLES)
    }

    /// Whether the gradient is the exact one where the step is replaced by a soft one ([`crate::Firing::Soft`]).
    #[must_use]
    pub fn has_exact_gradient(self) -> bool {
        of_model!(self, M => M::EXACT_GRADIENT)
    }

    /// Eigenvalues of the map below threshold: see [`crate::analysis::modes`].
    pub(crate) fn linear_modes(self, parameters: &[f64]) -> Vec<(f64, f64)> {
        of_model!(self, M => M::modes(parameters))
    }

    /// The state before the spike of one step on a tape, in elementary operations. Then follow
    /// [`NeuronModel::elementary_potential`], the output, and [`NeuronModel::elementary_settle`].
    pub fn elementary_step<F: Real>(self, tape: &mut Tape<F>, step: &ElementaryStep<'_>) -> Vec<Var> {
        of_model!(self, M => M::elementary(tape, step))
    }

    /// What is compared with the threshold or, without spikes, is the output; in elementary operations. `parameters` are
    /// the values in use, each (N), `state` the variables before the spike, (…, N).
    pub fn elementary_potential<F: Real>(self, tape: &mut Tape<F>, parameters: &[Var], state: &[Var]) -> Var {
        of_model!(self, M => M::elementary_potential(tape, parameters, state))
    }

    /// The settled state after `output`, in elementary operations.
    pub fn elementary_settle<F: Real>(
        self,
        tape: &mut Tape<F>,
        parameters: &[Var],
        state: Vec<Var>,
        output: Var,
    ) -> Vec<Var> {
        of_model!(self, M => M::elementary_settle(tape, parameters, state, output))
    }

    /// Runs `visitor` with this model's dynamics.
    pub fn visit<V: Visitor>(self, visitor: V) -> V::Output {
        of_model!(self, M => visitor.visit::<<M as Model>::Dynamics>())
    }
}

impl Serialize for NeuronModel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for NeuronModel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let names: Vec<_> = Self::ALL.iter().map(|model| model.name()).collect();
        let expected = format!("one of {}", names.join(", "));
        Self::named(&name).ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&name), &expected.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::ParameterRole;

    #[test]
    fn a_model_says_as_much_as_its_dynamics_have() {
        struct Sizes;
        impl Visitor for Sizes {
            type Output = (usize, usize);
            fn visit<D: Dynamics>(self) -> (usize, usize) {
                (D::STATES, D::PARAMETERS)
            }
        }
        for model in NeuronModel::ALL {
            assert_eq!(model.visit(Sizes), (model.variables().len(), model.specs().len()), "{model:?}");
            assert_eq!(model.variables()[0].symbol, "u", "{model:?}");
            let symbols: Vec<_> = model.variables().iter().map(|variable| variable.symbol).collect();
            for spec in model.specs() {
                let (name, symbol) = (spec.name, spec.symbol);
                assert!(
                    model.equations().contains(symbol) && symbols.contains(&spec.variable),
                    "{model:?} {name}"
                );
            }
            let texts = [model.name(), model.label(), model.source(), model.equations()];
            assert!(texts.iter().all(|text| !text.is_empty()), "{model:?}");
            assert_eq!(NeuronModel::named(model.name()), Some(*model));
        }
    }

    #[test]
    fn names_are_those_of_configurations() {
        let names: Vec<_> = NeuronModel::ALL.iter().map(|m| m.name()).collect();
        assert_eq!(names, ["lif", "adlif", "cadlif", "se_adlif", "alif", "integrator"]);
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
