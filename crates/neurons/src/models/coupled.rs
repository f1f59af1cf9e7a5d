//! Eigenvalues of a membrane coupled to its adaptation, below threshold: the linear map at the head of
//! [`crate::analysis`].

/// Eigenvalues of the sub-threshold map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Eigenvalues {
    /// Two real ones, the larger first: over-damped.
    Real(f64, f64),
    /// A conjugate pair: under-damped, the neuron rings.
    Complex {
        /// Real part.
        real: f64,
        /// Positive imaginary part.
        imaginary: f64,
    },
}

impl Eigenvalues {
    /// Of the map with these parameters.
    #[must_use]
    pub fn of(alpha: f64, beta: f64, a: f64) -> Self {
        let half_trace = f64::midpoint(alpha, beta - (1.0 - alpha) * a);
        let discriminant = half_trace * half_trace - alpha * beta;
        if discriminant < 0.0 {
            Self::Complex { real: half_trace, imaginary: (-discriminant).sqrt() }
        } else {
            Self::Real(half_trace + discriminant.sqrt(), half_trace - discriminant.sqrt())
        }
    }

    /// The largest modulus: the factor by which a disturbance shrinks (or grows) each step in the long run.
    #[must_use]
    pub fn radius(self) -> f64 {
        match self {
            Self::Real(x, y) => x.abs().max(y.abs()),
            Self::Complex { real, imaginary } => real.hypot(imaginary),
        }
    }
}

/// Eigenvalues (real, imaginary) of the map, one for each state variable.
pub(crate) fn coupled_modes(alpha: f64, beta: f64, a: f64) -> Vec<(f64, f64)> {
    match Eigenvalues::of(alpha, beta, a) {
        Eigenvalues::Real(x, y) => vec![(x, 0.0), (y, 0.0)],
        Eigenvalues::Complex { real, imaginary } => vec![(real, imaginary), (real, -imaginary)],
    }
}
