// SocketReader: the reading half of a socket with as few system calls as it takes: it reads when
// something came, and once more only when the socket cannot have been emptied by that.
#pragma once

#include <optional>
#include <span>
#include <system_error>

#include "base/async.h"

namespace hauspost {

// REQUIRES: one thread; the only reader of its socket, which outlives it; one call under way.
template <class Socket>
class SocketReader {
 public:
  explicit SocketReader(Socket& socket);

  // At least one byte, or 0 when the peer has ended its side. `code` is set on failure, also when
  // the wait was cancelled. The second form asks for the place when there is something to put
  // there.
  Task<std::size_t> read(std::span<char> into, std::error_code& code);
  Task<std::size_t> read(const std::function<std::span<char>()>& place, std::error_code& code);

  // What read() is made of. nullopt: nothing is there, and the next edge (base/readable_edge.h)
  // will tell when there is; then note_edge().
  std::optional<std::size_t> try_read(std::span<char> into, std::error_code& code);
  void note_edge();
  bool may_have_more() const { return !drained_; }
  // Before each try_read: a peer that always has more to say must not keep this thread to itself.
  Task<void> take_turn();
  // True when read() would return at once; nothing is consumed. Else as nullopt above.
  bool look();

 private:
  std::optional<std::size_t> receive(std::span<char> into, std::error_code& code);

  static constexpr unsigned kReadsWithoutWaitMax = 16;

  Socket& socket_;
  bool tells_what_is_left_ = false;
  bool drained_ = false;  // nothing is there that no edge has told of since
  unsigned reads_without_wait_ = 0;
};

extern template class SocketReader<TcpSocket>;
extern template class SocketReader<UnixSocket>;

// Hands every byte to the kernel. The parts must stay alive until then. REQUIRES: the only writer.
template <class Socket>
Task<void> write_all(Socket& socket, std::span<const std::string_view> parts,
                     std::error_code& code);

extern template Task<void> write_all(TcpSocket&, std::span<const std::string_view>,
                                     std::error_code&);
extern template Task<void> write_all(UnixSocket&, std::span<const std::string_view>,
                                     std::error_code&);

}  // namespace hauspost
