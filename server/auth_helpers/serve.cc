#include "server/auth_helpers/serve.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>

namespace hauspost::helpers {

namespace {

constexpr std::size_t kLengthBytes = 4;

bool read_exactly(char* into, std::size_t size) {
  while (size > 0) {
    const ssize_t count = ::recv(kSocket, into, size, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    into += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

bool write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(kSocket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

void wipe(std::string& text) { ::explicit_bzero(text.data(), text.size()); }

// No core file may hold a password, and nobody outlives hauspost-auth.
void confine() {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_DUMPABLE, 0);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::umask(077);
  ::signal(SIGPIPE, SIG_IGN);
}

bool one_question(Fields (*handle)(const Fields& question)) {
  std::uint8_t head[kLengthBytes];
  if (!read_exactly(reinterpret_cast<char*>(head), sizeof head)) return false;
  std::size_t size = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) size |= std::size_t{head[i]} << (8 * i);
  if (size > kMessageMax) return false;
  std::string message(size, '\0');
  if (!read_exactly(message.data(), size)) return false;
  auto question = decode(message);
  wipe(message);
  if (!question) return false;
  const bool sent = write_all(encode(handle(*question)));
  for (auto& [name, value] : *question) wipe(value);
  return sent;
}

}  // namespace

Fields answer(std::string_view outcome, std::string reason) {
  return {{std::string(kOutcome), std::string(outcome)}, {std::string(kReason), std::move(reason)}};
}

int serve(const char* program, Fields (*handle)(const Fields& question)) {
  struct stat status{};
  if (::fstat(kSocket, &status) != 0 || !S_ISSOCK(status.st_mode)) {
    std::fprintf(stderr, "%s: this program is started by the server\n", program);
    return 2;
  }
  confine();
  while (one_question(handle)) {
  }
  return 0;
}

}  // namespace hauspost::helpers
