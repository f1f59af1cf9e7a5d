//! Connections that answer from a script and reach nobody.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

/// What each connection answers, in this order.
#[derive(Debug)]
pub(crate) struct Script(Mutex<VecDeque<Vec<u8>>>);

impl Script {
    pub(crate) fn new(answers: Vec<Vec<u8>>) -> Self {
        Self(Mutex::new(answers.into()))
    }
}

impl Connector for Script {
    type Out = Answering;

    fn connect(&self, details: &ConnectionDetails, _: Option<()>) -> Result<Option<Answering>, Error> {
        let next = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let answer = next.ok_or(Error::ConnectionFailed)?;
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Some(Answering { buffers, answer, sent: 0 }))
    }
}

/// A connection: what is sent into it is dropped.
#[derive(Debug)]
pub(crate) struct Answering {
    buffers: LazyBuffers,
    answer: Vec<u8>,
    sent: usize,
}

impl Transport for Answering {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), Error> {
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        let room = self.buffers.input_append_buf();
        let rest = &self.answer[self.sent..];
        let count = rest.len().min(room.len());
        room[..count].copy_from_slice(&rest[..count]);
        self.buffers.input_appended(count);
        self.sent += count;
        Ok(count > 0)
    }

    fn is_open(&mut self) -> bool {
        self.sent < self.answer.len()
    }
}

/// Every name leads to an address that nobody is asked at.
#[derive(Debug)]
pub(crate) struct Nowhere;

impl Resolver for Nowhere {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let mut addresses = self.empty();
        addresses.push(([127, 0, 0, 1], 9).into());
        Ok(addresses)
    }
}
