// Waiting for a socket to become readable without a system call. Asio watches sockets by edge: the
// kernel reports each arrival once. Its own waits re-arm that report (epoll_ctl), and its reads are
// tried before they wait (a read that finds nothing). Whoever knows that a socket is empty needs
// neither. This is the one room that knows Asio's inside; it goes with Asio 1.22 and epoll.
#pragma once

#include "base/async.h"

namespace hauspost {

// Completes when something arrived, the peer went away or the socket failed since the last such
// wait of this socket completed; at once when that was before this call. `code` is set when the
// wait was cancelled. REQUIRES: all that came before was read, up to the answer "nothing here".
template <class Socket>
Task<void> wait_readable_edge(Socket& socket, std::error_code& code);

// True when the last report of the kernel said that the peer has closed or the connection failed:
// then a further read answers at once, and no further report may come. A peer that has shut down
// only its sending side does not show here.
template <class Socket>
bool hangup_reported(Socket& socket);

extern template Task<void> wait_readable_edge(TcpSocket&, std::error_code&);
extern template Task<void> wait_readable_edge(UnixSocket&, std::error_code&);
extern template bool hangup_reported(TcpSocket&);
extern template bool hangup_reported(UnixSocket&);

}  // namespace hauspost
