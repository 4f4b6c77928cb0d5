// FrontendListeners: the sockets that clients connect to. Only those of enabled services are open.
#pragma once

#include <functional>
#include <unordered_set>

#include "server/child/child.h"
#include "server/supervisor/sockets.h"

namespace hauspost::supervisor {

// The service in the directory that switches a listener: "imaps" belongs to "imap".
std::string_view switching_service(std::string_view listener_service);

// A change has two steps, for the front-end goes on listening at what it has until it is told:
// open() all that is wanted, then close() the rest. REQUIRES: one thread.
class FrontendListeners {
 public:
  using IsOn = std::function<bool(std::string_view service)>;
  explicit FrontendListeners(std::vector<ListenerSettings> settings);

  // Opens what is on and not yet open. True when the set changed. On failure nothing has changed.
  Result<bool> open(const IsOn& is_on, AbsentAddress absent = AbsentAddress::kRefused);
  // Closes what is off. True when the set changed.
  bool close(const IsOn& is_on);
  // Other listeners from now on; of present ones with the same service and address the socket stays
  // open. What is open and not among them is closed by the next close(). open() is still to be
  // called.
  void change(std::vector<ListenerSettings> settings);

  struct Listener {
    ListenerSettings settings;
    UniqueFd fd;       // empty: closed
    std::string name;  // "imap#7": of this socket alone, as long as the supervisor runs
    bool gone = false;  // no longer among the settings
  };
  const std::vector<Listener>& all() const { return listeners_; }

  // How far the front-end has been told. Descriptors of the open listeners that it was not given
  // yet; from now on they count as given.
  std::vector<child::NamedDescriptor> give();
  // A new front-end has been given nothing.
  void forget_given() { given_.clear(); }

 private:
  std::vector<Listener> listeners_;
  std::unordered_set<std::string> given_;  // names
  std::uint64_t next_number_ = 1;
};

}  // namespace hauspost::supervisor
