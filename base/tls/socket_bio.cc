#include "base/tls/socket_bio.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstdint>

namespace hauspost::tls {

namespace {

int descriptor(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

int read_socket(BIO* bio, char* into, int count) {
  BIO_clear_retry_flags(bio);
  ssize_t got = 0;
  do {
    got = ::recv(descriptor(bio), into, static_cast<std::size_t>(count), 0);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) BIO_set_retry_read(bio);
  return static_cast<int>(got);
}

int write_socket(BIO* bio, const char* from, int count) {
  BIO_clear_retry_flags(bio);
  ssize_t sent = 0;
  do {
    sent = ::send(descriptor(bio), from, static_cast<std::size_t>(count), MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

// Made once and kept for the process, as the library wants it.
const BIO_METHOD* method() {
  static const BIO_METHOD* const made = [] {
    BIO_METHOD* fresh = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "socket");
    if (fresh == nullptr || BIO_meth_set_read(fresh, read_socket) != 1 ||
        BIO_meth_set_write(fresh, write_socket) != 1 || BIO_meth_set_ctrl(fresh, control) != 1) {
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
  BIO_set_data(bio.get(), reinterpret_cast<void*>(static_cast<std::intptr_t>(fd)));
  BIO_set_init(bio.get(), 1);
  return bio;
}

}  // namespace hauspost::tls
