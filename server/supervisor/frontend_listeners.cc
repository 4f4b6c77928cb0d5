#include "server/supervisor/frontend_listeners.h"

#include <algorithm>

namespace hauspost::supervisor {

std::string_view switching_service(std::string_view listener_service) {
  if (listener_service == "imaps") return "imap";
  if (listener_service == "pop3s") return "pop3";
  if (listener_service == "submissions") return "submission";
  if (listener_service == "lmtp") return "smtp";
  if (listener_service == "http" || listener_service == "https") return "web";
  return listener_service;
}

FrontendListeners::FrontendListeners(std::vector<ListenerSettings> settings) {
  for (ListenerSettings& one : settings) listeners_.push_back({std::move(one), {}, {}});
}

Result<bool> FrontendListeners::open(const IsOn& is_on, AbsentAddress absent) {
  std::vector<UniqueFd> opened(listeners_.size());
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    const Listener& one = listeners_[i];
    if (one.fd || one.gone || !is_on(switching_service(one.settings.service))) continue;
    TRY_ASSIGN(opened[i], listen_tcp(one.settings, absent));
  }
  bool changed = false;
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    if (!opened[i]) continue;
    Listener& one = listeners_[i];
    one.fd = std::move(opened[i]);
    one.name = one.settings.service + "#" + std::to_string(next_number_++);
    changed = true;
  }
  return changed;
}

bool FrontendListeners::close(const IsOn& is_on) {
  bool changed = false;
  for (Listener& one : listeners_) {
    if (!one.fd || (!one.gone && is_on(switching_service(one.settings.service)))) continue;
    given_.erase(one.name);
    one.fd.reset();
    one.name.clear();
    changed = true;
  }
  std::erase_if(listeners_, [](const Listener& one) { return one.gone; });
  return changed;
}

void FrontendListeners::change(std::vector<ListenerSettings> settings) {
  std::vector<Listener> after;
  for (ListenerSettings& one : settings) {
    const auto present = std::ranges::find_if(listeners_, [&](const Listener& open) {
      return open.settings.service == one.service && open.settings.endpoint() == one.endpoint();
    });
    after.emplace_back();
    if (present != listeners_.end()) {
      after.back() = std::move(*present);
      listeners_.erase(present);
    }
    after.back().settings = std::move(one);
    after.back().gone = false;
  }
  for (Listener& one : listeners_) {
    if (!one.fd) continue;
    one.gone = true;
    after.push_back(std::move(one));
  }
  listeners_ = std::move(after);
}

std::vector<child::NamedDescriptor> FrontendListeners::give() {
  std::vector<child::NamedDescriptor> out;
  for (const Listener& one : listeners_) {
    if (one.fd && given_.insert(one.name).second) out.push_back({one.name, one.fd.get()});
  }
  return out;
}

}  // namespace hauspost::supervisor
