//! Appends on their way to one follower: several at a time, in order.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::FuturesOrdered;
use futures_util::{Stream, StreamExt};
use openraft::base::BoxFuture;
use openraft::error::RPCError;
use openraft::network::{RPCOption, RPCTypes};
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, StreamAppendResult};

use super::client::{Client, confused};
use super::error::unreadable;
use super::wire::{self, Answer, Request};
use crate::{LogId, RaftTypes};

type Answered<C> = Result<AppendEntriesResponse<C>, RPCError<C>>;

/// Sends each request as it comes, and gives the answers in the order of the requests. Ends at the
/// first answer that is not a success.
///
/// A request is queued before the next one is taken, and requests of this size keep their order on
/// a link; one that is too long for that goes alone. Their order is for speed: an engine that gets
/// them in another one reports a conflict, and is sent them again.
pub(super) struct Pipeline<C: RaftTypes, S> {
    client: Client<C>,
    within: Duration,
    input: S,
    input_ended: bool,
    under_way: FuturesOrdered<BoxFuture<'static, Answered<C>>>,
    ranges: VecDeque<Range>,
    /// Waits until nothing else is under way.
    parked: Option<(Range, Result<Bytes, RPCError<C>>)>,
    /// What is under way goes alone.
    alone: bool,
}

/// What an append covers: from the entry before its first, to its last.
#[derive(Clone, Copy, Debug)]
struct Range {
    prev: Option<LogId>,
    last: Option<LogId>,
}

impl<C: RaftTypes, S> Pipeline<C, S> {
    pub(super) fn new(client: Client<C>, input: S, option: &RPCOption) -> Self {
        Self {
            within: client.appends_within(option),
            client,
            input,
            input_ended: false,
            under_way: FuturesOrdered::new(),
            ranges: VecDeque::new(),
            parked: None,
            alone: false,
        }
    }

    fn start(&mut self, range: Range, request: Result<Bytes, RPCError<C>>) {
        let (client, within) = (self.client.clone(), self.within);
        let call = async move {
            match client
                .call(RPCTypes::AppendEntries, request?, within)
                .await?
            {
                Answer::Append(answer) => Ok(answer),
                _ => Err(confused()),
            }
        };
        self.ranges.push_back(range);
        self.under_way.push_back(Box::pin(call));
    }

    fn take(&mut self, request: AppendEntriesRequest<C>) {
        let last = request.entries.last().map(|entry| entry.log_id);
        let range = Range {
            prev: request.prev_log_id,
            last: last.or(request.prev_log_id),
        };
        let request = wire::encode(&Request::Append(request)).map_err(|error| unreadable(&error));
        let settings = &self.client.network().inner.settings;
        let long = request
            .as_ref()
            .is_ok_and(|bytes| bytes.len() > settings.alone_bytes);
        if long && !self.under_way.is_empty() {
            self.parked = Some((range, request));
            return;
        }
        self.alone = long;
        self.start(range, request);
    }

    /// Takes from the input while more may be under way.
    fn fill(&mut self, cx: &mut Context<'_>)
    where
        S: Stream<Item = AppendEntriesRequest<C>> + Unpin,
    {
        if self.under_way.is_empty() {
            self.alone = false;
            if let Some((range, request)) = self.parked.take() {
                self.alone = true;
                self.start(range, request);
            }
        }
        let most = self.client.network().inner.settings.appends.max(1);
        while !self.input_ended
            && !self.alone
            && self.parked.is_none()
            && self.under_way.len() < most
        {
            match self.input.poll_next_unpin(cx) {
                Poll::Ready(Some(request)) => self.take(request),
                Poll::Ready(None) => self.input_ended = true,
                Poll::Pending => return,
            }
        }
    }

    /// What the engine is told of an answer, and whether it is the last.
    fn result(
        &mut self,
        answered: Answered<C>,
    ) -> (Result<StreamAppendResult<C>, RPCError<C>>, bool) {
        let range = self.ranges.pop_front();
        let (prev, last) = range.map_or((None, None), |range| (range.prev, range.last));
        let answer = match answered {
            // A request without entries before it conflicts with nothing.
            Ok(AppendEntriesResponse::Conflict) if prev.is_none() => Err(confused()),
            answered => answered,
        };
        let goes_on = match &answer {
            Ok(AppendEntriesResponse::Success) => true,
            Ok(AppendEntriesResponse::PartialSuccess(upto)) => *upto == last,
            Ok(_) | Err(_) => false,
        };
        (
            answer.map(|answer| answer.into_stream_result(prev, last)),
            goes_on,
        )
    }
}

/// Nothing in it is pinned in place.
impl<C: RaftTypes, S> Unpin for Pipeline<C, S> {}

impl<C, S> Stream for Pipeline<C, S>
where
    C: RaftTypes,
    S: Stream<Item = AppendEntriesRequest<C>> + Unpin,
{
    type Item = Result<StreamAppendResult<C>, RPCError<C>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        this.fill(cx);
        match this.under_way.poll_next_unpin(cx) {
            Poll::Ready(Some(answered)) => {
                let (result, goes_on) = this.result(answered);
                if !goes_on {
                    this.input_ended = true;
                    this.parked = None;
                    this.under_way.clear();
                }
                Poll::Ready(Some(result))
            }
            Poll::Ready(None) if this.input_ended => Poll::Ready(None),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}
