// The library's way to the socket: recv and send on the descriptor, with a little read ahead. Not its own
// socket BIO, which would raise SIGPIPE when the peer is gone. Private to base/tls.
#pragma once

#include <openssl/bio.h>

namespace hauspost::tls {

// A BIO over a non-blocking socket that somebody else owns and closes. Null when memory is out.
bssl::UniquePtr<BIO> socket_bio(int fd);

}  // namespace hauspost::tls
