// UserCounts: what each user sent in the last 24 hours, so that a stolen password cannot send a
// million messages before anybody wakes up.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "transport/filter/settings.h"

namespace hauspost::transport {

// REQUIRES: one thread. A day is counted in hours: what is older than 24 of them no longer counts.
class UserCounts {
 public:
  static constexpr std::size_t kUsersMax = 100'000;
  static constexpr std::size_t kKnownMax = 5'000;  // recipients remembered of a user
  static constexpr std::int64_t kKnownDays = 30;

  enum class Cap : std::uint8_t { kNone, kMessages, kRecipients, kNewRecipients };

  // Whether one more message, to so many recipients so far, would be too much.
  Cap check_message(const UserCaps& caps, const Guid& user, WallTime now);
  // `among`: recipients of the message that were taken already.
  Cap check_recipient(const UserCaps& caps, const Guid& user, std::string_view recipient,
                      std::span<const std::string> among, WallTime now);
  // The message was taken.
  void note(const Guid& user, std::span<const std::string> recipients, WallTime now);

  struct Used {
    std::uint32_t messages = 0;
    std::uint32_t recipients = 0;
    std::uint32_t new_recipients = 0;
  };
  Used used(const Guid& user, WallTime now);

  bool changed() const { return changed_; }
  bool load(std::string_view bytes);
  std::string save();

 private:
  static constexpr std::size_t kHours = 24;
  struct User {
    std::int64_t hour = 0;  // since 1970; that of the last slot
    std::array<Used, kHours> slots{};
    std::unordered_map<std::uint64_t, std::int64_t>
        known;  // hash of address -> day last written to
  };
  User& user_of(const Guid& user, WallTime now);
  static Used sum(const User& user);

  std::unordered_map<Guid, User> users_;
  bool changed_ = false;
};

}  // namespace hauspost::transport
