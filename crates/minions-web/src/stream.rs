//! Items that come over time, pulled one by one.
//!
//! The work that produces them runs only while JavaScript waits for the next one. To abort is to drop it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::error::Failure;
use crate::js::to_js;

/// Work that produces items, and those that were not pulled yet.
#[wasm_bindgen]
pub struct Stream {
    items: Items,
    work: RefCell<Option<Work>>,
    /// Whoever waits in `next`, to be told of an abort.
    waiting: RefCell<Option<Waker>>,
}

type Work = Pin<Box<dyn Future<Output = Result<(), Failure>>>>;

/// Where the work puts its items.
#[derive(Clone, Default)]
pub(crate) struct Items(Rc<RefCell<VecDeque<Result<JsValue, Failure>>>>);

impl Items {
    pub(crate) fn push<T: Serialize>(&self, item: &T) {
        self.0.borrow_mut().push_back(to_js(item));
    }

    fn pop(&self) -> Option<Result<JsValue, Failure>> {
        self.0.borrow_mut().pop_front()
    }
}

impl Stream {
    /// A stream of what `work` pushes. It ends when the work does.
    pub(crate) fn new<F>(work: impl FnOnce(Items) -> F) -> Self
    where
        F: Future<Output = Result<(), Failure>> + 'static,
    {
        let items = Items::default();
        let work: Work = Box::pin(work(items.clone()));
        Self { items, work: RefCell::new(Some(work)), waiting: RefCell::default() }
    }

    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Result<Option<JsValue>, Failure>> {
        if let Some(item) = self.items.pop() {
            return Poll::Ready(item.map(Some));
        }
        // Taken out while it is polled, so that nothing here is borrowed while foreign code runs.
        let Some(mut work) = self.work.take() else { return Poll::Ready(Ok(None)) };
        let result = match work.as_mut().poll(cx) {
            Poll::Pending => {
                self.work.replace(Some(work));
                self.waiting.replace(Some(cx.waker().clone()));
                None
            }
            Poll::Ready(result) => Some(result),
        };
        match (self.items.pop(), result) {
            (Some(item), Some(Err(failure))) => {
                // The failure is for whoever pulls after the last item.
                self.items.0.borrow_mut().push_back(Err(failure));
                Poll::Ready(item.map(Some))
            }
            (Some(item), _) => Poll::Ready(item.map(Some)),
            (None, Some(Err(failure))) => Poll::Ready(Err(failure)),
            (None, Some(Ok(()))) => Poll::Ready(Ok(None)),
            (None, None) => Poll::Pending,
        }
    }
}

#[wasm_bindgen]
impl Stream {
    /// The next item; `undefined` at the end, and after an abort.
    #[wasm_bindgen(unchecked_return_type = "unknown")]
    pub async fn next(&self) -> Result<JsValue, JsValue> {
        let item = poll_fn(|cx| self.poll_next(cx)).await?;
        Ok(item.unwrap_or(JsValue::UNDEFINED))
    }

    /// Stops the work, and frees what it holds, before its next step.
    pub fn abort(&self) {
        self.work.take();
        self.items.0.borrow_mut().clear();
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
    }
}
