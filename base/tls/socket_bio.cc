#include "base/tls/socket_bio.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace hauspost::tls {

namespace {

// The library reads each record's header by itself. Small reads take along what is behind it, which
// for small records is all; the room is there only as long as it holds something.
constexpr std::size_t kAheadBytes = 2 * 1024;

struct Source {
  int descriptor = -1;
  std::unique_ptr<char[]> ahead;
  std::size_t begin = 0;
  std::size_t end = 0;
};

Source& source(BIO* bio) { return *static_cast<Source*>(BIO_get_data(bio)); }

int take_ahead(Source& from, char* into, std::size_t count) {
  count = std::min(count, from.end - from.begin);
  std::memcpy(into, from.ahead.get() + from.begin, count);
  from.begin += count;
  if (from.begin == from.end) from.ahead.reset();
  return static_cast<int>(count);
}

int read_socket(BIO* bio, char* into, int count) {
  BIO_clear_retry_flags(bio);
  Source& from = source(bio);
  const auto wanted = static_cast<std::size_t>(count);
  if (from.ahead) return take_ahead(from, into, wanted);
  const bool ahead = wanted < kAheadBytes;
  if (ahead) from.ahead = std::make_unique_for_overwrite<char[]>(kAheadBytes);
  ssize_t got = 0;
  do {
    got = ::recv(from.descriptor, ahead ? from.ahead.get() : into, ahead ? kAheadBytes : wanted, 0);
  } while (got < 0 && errno == EINTR);
  if (ahead && got > 0) {
    from.begin = 0;
    from.end = static_cast<std::size_t>(got);
    return take_ahead(from, into, wanted);
  }
  from.ahead.reset();
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) BIO_set_retry_read(bio);
  return static_cast<int>(got);
}

int write_socket(BIO* bio, const char* from, int count) {
  BIO_clear_retry_flags(bio);
  ssize_t sent = 0;
  do {
    sent = ::send(source(bio).descriptor, from, static_cast<std::size_t>(count), MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

int destroy(BIO* bio) {
  delete static_cast<Source*>(BIO_get_data(bio));
  BIO_set_data(bio, nullptr);
  return 1;
}

long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

// Made once and kept for the process, as the library wants it.
const BIO_METHOD* method() {
  static const BIO_METHOD* const made = [] {
    BIO_METHOD* fresh = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "socket");
    if (fresh == nullptr || BIO_meth_set_read(fresh, read_socket) != 1 ||
        BIO_meth_set_write(fresh, write_socket) != 1 ||
        BIO_meth_set_ctrl(fresh, control) != 1 || BIO_meth_set_destroy(fresh, destroy) != 1) {
      return static_cast<BIO_METHOD*>(nullptr);
    }
    return fresh;
  }();
  return made;
}

}  // namespace

bssl::UniquePtr<BIO> socket_bio(int fd) {
  bssl::UniquePtr<BIO> bio(method() != nullptr ? BIO_new(method()) : nullptr);
  if (!bio) return nullptr;
  BIO_set_data(bio.get(), new Source{fd, nullptr});
  BIO_set_init(bio.get(), 1);
  return bio;
}

}  // namespace hauspost::tls
