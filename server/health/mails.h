// Mails: what the administrator is written, and how often: one mail when a health set breaks, one
// when it is well again, and of each set at most one about a fault an hour. Pure: time is a
// parameter.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "base/ids.h"
#include "server/health/monitor.h"

namespace hauspost::health {

struct Mail {
  Guid id = Guid::random();  // the delivery's: submitted twice, it arrives once
  std::string subject;
  std::string body;  // lines end in \n
  WallSeconds time = 0;
};

// Bounded: when kPendingMax wait, the oldest go.
class Mails {
 public:
  static constexpr WallSeconds kEach_s = 3600;
  static constexpr std::size_t kPendingMax = 50;

  // `set` is broken; said as long as it is. Nothing when that was told already, or a fault of this
  // set less than an hour ago.
  void broke(const std::string& set, WallSeconds now, std::string subject, std::string body);
  // Nothing when its fault was never told.
  void recovered(const std::string& set, WallSeconds now, std::string subject, std::string body);
  // There is no such set any more.
  void forget(const std::string& set) { open_.erase(set); }

  // What waits; the front is the oldest.
  std::deque<Mail>& pending() { return pending_; }
  std::size_t pending_count() const { return pending_.size(); }

 private:
  void keep(WallSeconds now, std::string subject, std::string body);

  std::map<std::string, WallSeconds> told_;  // the last fault of each set
  std::map<std::string, bool> open_;         // told and not yet told to be well
  std::deque<Mail> pending_;
};

// The whole message (RFC 5322) from the server on `hostname`.
std::string mail_text(const Mail& mail, const std::string& to, const std::string& hostname);

}  // namespace hauspost::health
