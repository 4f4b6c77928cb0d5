#include "server/supervisor/frontend_listeners.h"

namespace hauspost::supervisor {

std::string_view switching_service(std::string_view listener_service) {
  if (listener_service == "imaps") return "imap";
  if (listener_service == "pop3s") return "pop3";
  if (listener_service == "submissions") return "submission";
  return listener_service;
}

FrontendListeners::FrontendListeners(std::vector<ListenerSettings> settings) {
  for (ListenerSettings& one : settings) listeners_.push_back({std::move(one), {}});
}

Result<bool> FrontendListeners::apply(const std::function<bool(std::string_view service)>& is_on) {
  const auto wanted = [&](const Listener& listener) {
    return is_on(switching_service(listener.settings.service));
  };
  std::vector<UniqueFd> opened(listeners_.size());
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    if (!wanted(listeners_[i]) || listeners_[i].fd) continue;
    TRY_ASSIGN(opened[i], listen_tcp(listeners_[i].settings));
  }
  bool changed = false;
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    UniqueFd& fd = listeners_[i].fd;
    if (opened[i]) {
      fd = std::move(opened[i]);
      changed = true;
    } else if (fd && !wanted(listeners_[i])) {
      fd.reset();
      changed = true;
    }
  }
  return changed;
}

std::vector<child::NamedDescriptor> FrontendListeners::descriptors() const {
  std::vector<child::NamedDescriptor> out;
  for (const Listener& listener : listeners_) {
    if (listener.fd) out.push_back({listener.settings.service, listener.fd.get()});
  }
  return out;
}

}  // namespace hauspost::supervisor
