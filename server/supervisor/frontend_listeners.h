// FrontendListeners: the sockets that clients connect to. Only those of enabled services are open.
#pragma once

#include <functional>

#include "server/child/child.h"
#include "server/supervisor/sockets.h"

namespace hauspost::supervisor {

// The service in the directory that switches a listener: "imaps" belongs to "imap".
std::string_view switching_service(std::string_view listener_service);

// REQUIRES: one thread.
class FrontendListeners {
 public:
  explicit FrontendListeners(std::vector<ListenerSettings> settings);

  // Opens what is on and not yet open, closes what is off. True when the set changed.
  // On failure nothing has changed.
  Result<bool> apply(const std::function<bool(std::string_view service)>& is_on);

  std::vector<child::NamedDescriptor> descriptors() const;  // of the open ones

  struct Listener {
    ListenerSettings settings;
    UniqueFd fd;  // empty: closed
  };
  const std::vector<Listener>& all() const { return listeners_; }

 private:
  std::vector<Listener> listeners_;
};

}  // namespace hauspost::supervisor
