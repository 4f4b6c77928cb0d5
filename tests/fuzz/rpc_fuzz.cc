// The serving side of calls against any bytes: it ends when its peer does, and a peer that speaks
// the protocol gets an answer a request.
#include <sys/socket.h>

#include "base/check.h"
#include "base/link/rpc.h"

using namespace hauspost;
using namespace hauspost::link;

namespace {

constexpr RpcLimits kLimits{.payload_max = 4096, .calls_max = 4};
constexpr std::size_t kInputMax = 16 * 1024;  // fits a socket buffer: nobody reads while we write

Task<Result<std::string>> echo(std::uint16_t method, std::string body) {
  if (method % 2 != 0) co_await yield_now();
  if (method == 0) co_return fail(ErrorCode::kDenied, std::move(body));
  co_return body;
}

Task<void> serve(UnixSocket socket, const RpcHandler& handler, bool& ended) {
  [[maybe_unused]] auto outcome = co_await serve_rpc(std::move(socket), handler, kLimits);
  ended = true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > kInputMax) return 0;
  int ends[2];
  HP_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  HP_CHECK(::send(ends[0], data, size, MSG_NOSIGNAL) == static_cast<ssize_t>(size));
  ::shutdown(ends[0], SHUT_WR);
  asio::io_context io;
  UnixSocket socket(io.get_executor(), asio::local::stream_protocol(), ends[1]);
  const RpcHandler handler = echo;
  bool ended = false;
  TaskGroup group(io.get_executor());
  group.spawn("serve", serve(std::move(socket), handler, ended));
  io.run();
  HP_CHECK(ended);
  ::close(ends[0]);
  return 0;
}
