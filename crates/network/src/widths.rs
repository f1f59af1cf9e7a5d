//! Counts of a description, and the width that gives a count: networks of equal size are compared with each other.

use crate::config::{MOST_UNITS, Units, ValidNetwork};
use crate::{NetworkConfig, NetworkError};

impl ValidNetwork {
    /// Number of all parameters of the network, frozen ones included, without building it.
    ///
    /// With G = 1, or 2 or 3 where hidden layers have gates, a layer of n units behind m has G·m·n weights, as many
    /// delays if it has delays, G·n² recurrent weights if it has those, as many recurrent delays if it has those, 2·G·n
    /// numbers of the normalisation, and its neurons' parameters.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        let count = |(k, (inputs, units)): (usize, (usize, usize))| {
            let columns = self.columns(k);
            let matrices = 1 + usize::from(self.has_delays(k));
            let own = 1 + usize::from(self.has_recurrent_delays(k));
            let recurrent = if self.is_recurrent(k) { own * units * columns } else { 0 };
            let specs = match &self.units {
                _ if k == self.config.network.hidden.len() => self.readout.specs().len(),
                Units::Neurons(neuron) => neuron.specs().len(),
                Units::Gated(_) => 0,
            };
            matrices * inputs * columns + recurrent + 2 * columns + specs * units
        };
        self.layers().into_iter().enumerate().map(count).sum()
    }
}

impl NetworkConfig {
    /// The width with which a network of as many hidden layers as this one, all of that width, has a number of
    /// parameters as near to `count` as can be; of two that are equally near the smaller one. A count below that of
    /// width 1 gives 1, one above what fits gives the largest width that does.
    ///
    /// ```
    /// use colearn_network::NetworkConfig;
    ///
    /// let mut spiking = NetworkConfig::default();
    /// spiking.set_model("d-cadlif")?;
    /// let count = spiking.validate(40, 20)?.parameter_count();
    /// let mut gated = NetworkConfig::default();
    /// gated.set_model("gru")?;
    /// let width = gated.nearest_width(40, 20, count)?;
    /// gated.network.hidden = vec![width; 2];
    /// assert_eq!((count, width, gated.validate(40, 20)?.parameter_count()), (49_724, 66, 49_296));
    /// # Ok::<(), colearn_network::NetworkError>(())
    /// ```
    ///
    /// # Errors
    /// What [`NetworkConfig::validate`] says of the network of width 1.
    pub fn nearest_width(&self, inputs: usize, classes: usize, count: usize) -> Result<usize, NetworkError> {
        let mut config = self.clone();
        let layers = self.network.hidden.len();
        let mut valid = |width: usize| {
            config.network.hidden = vec![width; layers];
            config.validate(inputs, classes)
        };
        valid(1)?;
        // Every other key is in order, so that only the size can be wrong from here on: then it is too large.
        let mut count_of = |width: usize| valid(width).ok().map(|network| network.parameter_count());
        // The smallest width that reaches the count lies above `below` and not above `reached`.
        let (mut below, mut reached) = (0, MOST_UNITS + 1);
        while reached - below > 1 {
            let middle = below.midpoint(reached);
            if count_of(middle).is_none_or(|found| found >= count) {
                reached = middle;
            } else {
                below = middle;
            }
        }
        let distance = |found: Option<usize>| found.map_or(usize::MAX, |found| found.abs_diff(count));
        let above = if reached > MOST_UNITS { None } else { count_of(reached) };
        let under = if below == 0 { None } else { count_of(below) };
        Ok(if distance(under) <= distance(above) { below.max(1) } else { reached })
    }
}
