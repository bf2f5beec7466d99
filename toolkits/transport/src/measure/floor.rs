//! A bare unary tonic call: tonic's own channel and server, and a service that echoes.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{Request, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};

use super::MeasureError;
use crate::grpc::{Outgoing, Raw};

/// A bare tonic server and a client of it. Dropped, it ends both.
#[derive(Debug)]
pub struct Floor {
    channel: Channel,
    server: JoinHandle<()>,
}

impl Drop for Floor {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Floor {
    /// Starts the server on a free port of the loopback, and connects.
    ///
    /// # Errors
    /// [`MeasureError::Floor`].
    pub async fn start() -> Result<Self, MeasureError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(floor)?;
        let address = listener.local_addr().map_err(floor)?;
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let server = tokio::spawn(async move {
            let served = Server::builder().add_service(Echo);
            // Its end is seen by the client.
            let _ = served.serve_with_incoming(incoming).await;
        });
        let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(floor)?;
        let connected = endpoint.tcp_nodelay(true).connect().await;
        match connected {
            Ok(channel) => Ok(Self { channel, server }),
            Err(error) => {
                server.abort();
                Err(floor(error))
            }
        }
    }

    /// Times of so many calls, one after the other.
    ///
    /// # Errors
    /// [`MeasureError::Floor`].
    pub async fn round_trips(
        &self,
        payload: usize,
        samples: usize,
    ) -> Result<Vec<Duration>, MeasureError> {
        let mut grpc = tonic::client::Grpc::new(self.channel.clone());
        let mut times = Vec::with_capacity(samples);
        for _ in 0..samples {
            let request = tonic::Request::new(Outgoing {
                head: vec![7; payload],
                rest: Vec::new(),
            });
            let path = PathAndQuery::from_static("/floor.Echo/Echo");
            let begun = Instant::now();
            grpc.ready().await.map_err(floor)?;
            grpc.unary(request, path, Raw).await.map_err(floor)?;
            times.push(begun.elapsed());
        }
        Ok(times)
    }
}

fn floor(error: impl std::fmt::Display) -> MeasureError {
    MeasureError::Floor(error.to_string())
}

#[derive(Clone, Copy, Debug)]
struct Echo;

impl NamedService for Echo {
    const NAME: &'static str = "floor.Echo";
}

impl tower_service::Service<Request<Body>> for Echo {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(async {
            let mut grpc = tonic::server::Grpc::new(Raw);
            Ok(grpc.unary(Method, request).await)
        })
    }
}

struct Method;

impl tower_service::Service<tonic::Request<Bytes>> for Method {
    type Response = tonic::Response<Outgoing>;
    type Error = Status;
    type Future = Ready<Result<Self::Response, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let head = request.into_inner().to_vec();
        let rest = Vec::new();
        ready(Ok(tonic::Response::new(Outgoing { head, rest })))
    }
}
