// SocketStream: a Stream over a connected TCP or Unix socket, in the clear.
#pragma once

#include "base/deadline.h"
#include "base/socket_reader.h"
#include "base/stream.h"

namespace hauspost {

template <class Socket>
class SocketStream final : public Stream {
 public:
  // Takes the socket; TCP sockets get TCP_NODELAY.
  explicit SocketStream(Socket socket);

  Task<Result<std::size_t>> read_some(std::span<char> into) override;
  using Stream::write;
  Task<Result<>> write(std::span<const std::string_view> parts) override;
  Task<Result<Wake>> wait_input(Signal& signal, Duration timeout) override;
  Task<Result<Input>> read_input(Signal& signal,
                                 const std::function<std::span<char>()>& place) override;
  void set_timeout(Duration timeout) override { timeout_ = timeout; }
  void close() noexcept override;

  Socket& socket() { return socket_; }
  // Gives the socket away, for instance to TLS. The stream is closed afterwards.
  Socket release() { return std::move(socket_); }

 private:
  std::function<void()> canceller();

  Socket socket_;
  SocketReader<Socket> reader_;
  Deadline read_deadline_;  // apart: the end of a write must not lift the bound on a read
  Deadline write_deadline_;
  Duration timeout_{};
};

using TcpStream = SocketStream<TcpSocket>;
using UnixStream = SocketStream<UnixSocket>;
extern template class SocketStream<TcpSocket>;
extern template class SocketStream<UnixSocket>;

// Waits on an edge of the socket (base/readable_edge.h, with what that requires), a signal or a
// time-out; shared by every socket-like stream. kInput may come for nothing: look again.
template <class Socket>
Task<Result<Wake>> wait_socket_input(Socket& socket, Signal& signal, Duration timeout);

}  // namespace hauspost
