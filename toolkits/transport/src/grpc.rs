//! gRPC on connections of our own: one method, whose messages are bytes.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes};
use futures_core::Stream;
use http::uri::PathAndQuery;
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http2 as client;
use hyper::server::conn::http2 as server;
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tonic::body::Body;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Status, Streaming};

use crate::net::Io;

/// The one method: opens a link. Messages go up as long as the session lasts, notices come back.
const METHOD: &str = "/tsoracle.peer.v1.Peer/Link";

/// The longest gRPC message that is read, in bytes: a segment, the longest chunk, and room for
/// their heads.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// HTTP/2 flow control: what may be under way on one link, in bytes.
const WINDOW_BYTES: u32 = 1 << 20;

/// Messages out of a link's end.
pub(crate) type Incomings = Streaming<Bytes>;

/// Bytes of a message: a head, and what stands behind it.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) head: Vec<u8>,
    pub(crate) rest: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Raw;

impl Codec for Raw {
    type Encode = Outgoing;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Outgoing;
    type Error = Status;

    fn encode(&mut self, item: Outgoing, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.reserve(item.head.len() + item.rest.len());
        to.put_slice(&item.head);
        to.put_slice(&item.rest);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(8 << 10, 64 << 10)
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(8 << 10, 64 << 10)
    }
}

/// Tasks that end with this: those that hyper starts for one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Nursery(Arc<Tasks>);

#[derive(Debug, Default)]
struct Tasks(Mutex<Vec<AbortHandle>>);

impl<F> hyper::rt::Executor<F> for Nursery
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, task: F) {
        let handle = tokio::spawn(task).abort_handle();
        let mut tasks = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|task| !task.is_finished());
        tasks.push(handle);
    }
}

impl Nursery {
    pub(crate) fn end(&self) {
        let mut tasks = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        for task in tasks.drain(..) {
            task.abort();
        }
    }
}

/// The sending end of a connection. Dropped, it ends every task of the connection.
#[derive(Debug)]
pub(crate) struct Dialed {
    nursery: Nursery,
    grpc: tonic::client::Grpc<Sender>,
}

impl Drop for Dialed {
    fn drop(&mut self) {
        self.nursery.end();
    }
}

impl Dialed {
    /// Begins HTTP/2 on a connection.
    pub(crate) async fn new(io: Box<dyn Io>) -> Result<Self, hyper::Error> {
        let nursery = Nursery::default();
        let mut builder = client::Builder::new(nursery.clone());
        builder
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .max_header_list_size(16 << 10);
        let (requests, connection) = builder.handshake(TokioIo::new(io)).await?;
        hyper::rt::Executor::execute(&nursery, async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
        });
        let origin = Uri::from_static("http://peer");
        let grpc = tonic::client::Grpc::with_origin(Sender(requests), origin)
            .max_decoding_message_size(MESSAGE_BYTES_MAX);
        Ok(Self { nursery, grpc })
    }

    /// Opens the stream of a link, and gives the notices that come back.
    pub(crate) async fn open<S>(&mut self, messages: S) -> Result<Incomings, Status>
    where
        S: Stream<Item = Outgoing> + Send + 'static,
    {
        let path = PathAndQuery::from_static(METHOD);
        let request = tonic::Request::new(messages);
        let response = self.grpc.streaming(request, path, Raw).await?;
        Ok(response.into_inner())
    }
}

/// hyper's end of a connection, as tonic calls it.
#[derive(Debug)]
struct Sender(client::SendRequest<Body>);

impl tower_service::Service<Request<Body>> for Sender {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<Response<Incoming>, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

/// The receiving end of a connection: serves until the connection ends, and gives the first stream
/// that is opened on it to `opened`, with where to send notices.
pub(crate) async fn serve(
    io: Box<dyn Io>,
    nursery: Nursery,
    opened: mpsc::Sender<(Incomings, mpsc::Sender<Vec<u8>>)>,
) -> Result<(), hyper::Error> {
    let mut builder = server::Builder::new(nursery);
    builder
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_concurrent_streams(1)
        .max_header_list_size(16 << 10);
    let service = hyper::service::service_fn(move |request| {
        let opened = opened.clone();
        async move { Ok::<_, Infallible>(respond(request, &opened).await) }
    });
    builder.serve_connection(TokioIo::new(io), service).await
}

async fn respond(
    request: Request<Incoming>,
    opened: &mpsc::Sender<(Incomings, mpsc::Sender<Vec<u8>>)>,
) -> Response<Body> {
    if request.uri().path() != METHOD {
        return Status::unimplemented("no such method").into_http();
    }
    let grpc = tonic::server::Grpc::new(Raw);
    let mut grpc = grpc.max_decoding_message_size(MESSAGE_BYTES_MAX);
    grpc.streaming(Link(opened), request).await
}

/// The one method's server side.
struct Link<'a>(&'a mpsc::Sender<(Incomings, mpsc::Sender<Vec<u8>>)>);

impl tower_service::Service<tonic::Request<Incomings>> for Link<'_> {
    type Response = tonic::Response<Notices>;
    type Error = Status;
    type Future = Ready<Result<Self::Response, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: tonic::Request<Incomings>) -> Self::Future {
        let (notices, receiver) = mpsc::channel(16);
        let stream = (request.into_inner(), notices);
        let busy = |_| Status::resource_exhausted("one link for each connection");
        let taken = self.0.try_send(stream).map_err(busy);
        ready(taken.map(|()| tonic::Response::new(Notices(receiver))))
    }
}

/// Notices on their way back.
#[derive(Debug)]
struct Notices(mpsc::Receiver<Vec<u8>>);

impl Stream for Notices {
    type Item = Result<Outgoing, Status>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|notice| {
            let rest = Vec::new();
            notice.map(|head| Ok(Outgoing { head, rest }))
        })
    }
}

/// What went wrong with a connection, in words.
pub(crate) fn unconnected(error: impl std::error::Error + Send + Sync + 'static) -> String {
    let mut words = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}

/// That something took too long.
pub(crate) fn late(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("{what} took too long"))
}
