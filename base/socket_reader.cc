#include "base/socket_reader.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

#include "base/readable_edge.h"

namespace hauspost {

namespace {

constexpr int kTellWhatIsLeft = 36;  // TCP_INQ, Linux 4.18; the headers of some systems lack it

// What TCP says is left behind this read; it counts an end of the stream as one byte.
std::optional<int> bytes_left(msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != IPPROTO_TCP || part->cmsg_type != kTellWhatIsLeft) continue;
    int left = 0;
    std::memcpy(&left, CMSG_DATA(part), sizeof left);
    return left;
  }
  return std::nullopt;
}

}  // namespace

template <class Socket>
SocketReader<Socket>::SocketReader(Socket& socket) : socket_(socket) {
  if constexpr (std::is_same_v<Socket, TcpSocket>) {
    const int on = 1;
    tells_what_is_left_ =
        ::setsockopt(socket_.native_handle(), IPPROTO_TCP, kTellWhatIsLeft, &on, sizeof on) == 0;
  }
}

template <class Socket>
std::optional<std::size_t> SocketReader<Socket>::receive(std::span<char> into,
                                                         std::error_code& code) {
  iovec place{into.data(), into.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room;
  msghdr message{};
  message.msg_iov = &place;
  message.msg_iovlen = 1;
  if (tells_what_is_left_) {
    message.msg_control = room.data();
    message.msg_controllen = room.size();
  }
  ssize_t count = 0;
  do {
    count = ::recvmsg(socket_.native_handle(), &message, MSG_DONTWAIT);
  } while (count < 0 && errno == EINTR);
  if (count < 0) {
    drained_ = true;
    if (errno == EAGAIN) return std::nullopt;
    code = std::error_code(errno, asio::error::get_system_category());
    return 0;
  }
  // The end of the stream, or an error, may stand behind the bytes and have been reported with
  // them: then the socket is not done with.
  const auto taken = static_cast<std::size_t>(count);
  if (taken == 0 || hangup_reported(socket_)) return taken;
  if constexpr (std::is_same_v<Socket, TcpSocket>) {
    drained_ = tells_what_is_left_ && bytes_left(message).value_or(1) == 0;
  } else {
    drained_ = taken < into.size();
  }
  return taken;
}

template <class Socket>
std::optional<std::size_t> SocketReader<Socket>::try_read(std::span<char> into,
                                                          std::error_code& code) {
  code.clear();
  if (drained_) return std::nullopt;
  return receive(into, code);
}

template <class Socket>
void SocketReader<Socket>::note_edge() {
  drained_ = false;
  reads_without_wait_ = 0;
}

template <class Socket>
bool SocketReader<Socket>::look() {
  if (drained_) return false;
  char first = 0;
  const ssize_t count =
      ::recv(socket_.native_handle(), &first, sizeof first, MSG_PEEK | MSG_DONTWAIT);
  drained_ = count < 0 && errno == EAGAIN;
  return !drained_;  // the end and errors are for read() to tell
}

template <class Socket>
Task<void> SocketReader<Socket>::take_turn() {
  if (++reads_without_wait_ <= kReadsWithoutWaitMax) co_return;
  reads_without_wait_ = 0;
  co_await yield_now();
}

template <class Socket>
Task<std::size_t> SocketReader<Socket>::read(const std::function<std::span<char>()>& place,
                                             std::error_code& code) {
  code.clear();
  co_await take_turn();
  if (!socket_.is_open()) code = asio::error::operation_aborted;
  while (!code) {
    if (!drained_) {
      if (const auto count = receive(place(), code)) co_return *count;
    }
    co_await wait_readable_edge(socket_, code);
    if (!code) note_edge();
  }
  co_return 0;
}

template <class Socket>
Task<std::size_t> SocketReader<Socket>::read(std::span<char> into, std::error_code& code) {
  const std::function<std::span<char>()> place = [into] { return into; };
  co_return co_await read(place, code);
}

namespace {

// How many bytes of `parts` the kernel took, from `from` on; 0 when it has no room now.
std::size_t send_some(int descriptor, std::span<const std::string_view> parts, std::size_t from,
                      std::error_code& code) {
  constexpr std::size_t kVectorsMax = 64;
  std::array<iovec, kVectorsMax> vectors;
  std::size_t used = 0;
  for (const std::string_view part : parts) {
    if (used == vectors.size()) break;
    const std::size_t skip = std::min(from, part.size());
    from -= skip;
    if (skip == part.size()) continue;
    vectors[used++] = {const_cast<char*>(part.data()) + skip, part.size() - skip};
  }
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = used;
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return static_cast<std::size_t>(sent);
  if (errno != EAGAIN) code = std::error_code(errno, asio::error::get_system_category());
  return 0;
}

}  // namespace

template <class Socket>
Task<void> write_all(Socket& socket, std::span<const std::string_view> parts,
                     std::error_code& code) {
  code.clear();
  std::size_t total = 0;
  for (const std::string_view part : parts) total += part.size();
  std::size_t done = 0;
  while (!code && done < total) {
    if (!socket.is_open()) {
      code = asio::error::operation_aborted;
      break;
    }
    const std::size_t sent = send_some(socket.native_handle(), parts, done, code);
    done += sent;
    if (sent == 0 && !code)
      co_await socket.async_wait(Socket::wait_write, asio::redirect_error(kUseTask, code));
  }
}

template Task<void> write_all(TcpSocket&, std::span<const std::string_view>, std::error_code&);
template Task<void> write_all(UnixSocket&, std::span<const std::string_view>, std::error_code&);

template class SocketReader<TcpSocket>;
template class SocketReader<UnixSocket>;

}  // namespace hauspost
