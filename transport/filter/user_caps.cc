#include "transport/filter/user_caps.h"

#include <algorithm>

#include "base/text.h"
#include "transport/filter/saved_table.h"

namespace hauspost::transport {

namespace {

constexpr std::string_view kMagic = "hauspost user counts 1\n";

std::int64_t hour_of(WallTime now) {
  return std::chrono::floor<std::chrono::hours>(now).time_since_epoch().count();
}

std::uint64_t hash_of(std::string_view address) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : address)
    hash = (hash ^ static_cast<unsigned char>(ascii_lower(c))) * 0x100000001b3;
  return hash;
}

}  // namespace

UserCounts::User& UserCounts::user_of(const Guid& user, WallTime now) {
  const std::int64_t hour = hour_of(now);
  if (users_.size() >= kUsersMax && !users_.contains(user)) {
    std::erase_if(users_, [&](const auto& entry) {
      return hour - entry.second.hour >= static_cast<std::int64_t>(kHours);
    });
  }
  User& found = users_[user];
  const std::int64_t passed = hour - found.hour;
  if (passed >= static_cast<std::int64_t>(kHours) || passed < 0) {
    found.slots.fill({});
  } else {
    for (std::int64_t i = 1; i <= passed; ++i)
      found.slots[static_cast<std::size_t>((found.hour + i) % static_cast<std::int64_t>(kHours))] =
          {};
  }
  found.hour = hour;
  return found;
}

UserCounts::Used UserCounts::sum(const User& user) {
  Used total;
  for (const Used& slot : user.slots) {
    total.messages += slot.messages;
    total.recipients += slot.recipients;
    total.new_recipients += slot.new_recipients;
  }
  return total;
}

UserCounts::Used UserCounts::used(const Guid& user, WallTime now) {
  return sum(user_of(user, now));
}

UserCounts::Cap UserCounts::check_message(const UserCaps& caps, const Guid& user, WallTime now) {
  const Used so_far = used(user, now);
  if (caps.messages != 0 && so_far.messages >= caps.messages) return Cap::kMessages;
  if (caps.recipients != 0 && so_far.recipients >= caps.recipients) return Cap::kRecipients;
  return Cap::kNone;
}

UserCounts::Cap UserCounts::check_recipient(const UserCaps& caps, const Guid& user,
                                            std::string_view recipient,
                                            std::span<const std::string> among, WallTime now) {
  User& counts = user_of(user, now);
  const Used so_far = sum(counts);
  if (caps.recipients != 0 && so_far.recipients + among.size() >= caps.recipients)
    return Cap::kRecipients;
  if (caps.new_recipients == 0 || counts.known.contains(hash_of(recipient))) return Cap::kNone;
  const auto fresh = std::ranges::count_if(
      among, [&](const std::string& other) { return !counts.known.contains(hash_of(other)); });
  return so_far.new_recipients + static_cast<std::size_t>(fresh) >= caps.new_recipients
             ? Cap::kNewRecipients
             : Cap::kNone;
}

void UserCounts::note(const Guid& user, std::span<const std::string> recipients, WallTime now) {
  User& counts = user_of(user, now);
  const std::int64_t day = counts.hour / static_cast<std::int64_t>(kHours);
  Used& slot =
      counts.slots[static_cast<std::size_t>(counts.hour % static_cast<std::int64_t>(kHours))];
  ++slot.messages;
  slot.recipients += static_cast<std::uint32_t>(recipients.size());
  if (counts.known.size() + recipients.size() > kKnownMax) {
    std::erase_if(counts.known, [&](const auto& entry) { return day - entry.second > kKnownDays; });
    if (counts.known.size() + recipients.size() > kKnownMax) counts.known.clear();
  }
  for (const std::string& recipient : recipients) {
    const auto [place, fresh] = counts.known.try_emplace(hash_of(recipient), day);
    if (fresh || day - place->second > kKnownDays) ++slot.new_recipients;
    place->second = day;
  }
  changed_ = true;
}

bool UserCounts::load(std::string_view bytes) {
  TableReader reader(bytes, kMagic);
  const auto count = reader.get<std::uint32_t>();
  if (!reader.good() || count > 2 * kUsersMax) return false;
  std::unordered_map<Guid, User> users;
  for (std::uint32_t i = 0; i < count && reader.good(); ++i) {
    User& user = users[Guid{reader.get<std::array<std::uint8_t, 16>>()}];
    user.hour = reader.get<std::int64_t>();
    for (Used& slot : user.slots) slot = reader.get<Used>();
    const auto known = reader.get<std::uint32_t>();
    for (std::uint32_t at = 0; at < known && reader.good(); ++at) {
      const auto hash = reader.get<std::uint64_t>();
      user.known[hash] = reader.get<std::int64_t>();
    }
  }
  if (!reader.good() || !reader.at_end()) return false;
  users_ = std::move(users);
  return true;
}

std::string UserCounts::save() {
  TableWriter writer(kMagic);
  writer.put(static_cast<std::uint32_t>(users_.size()));
  for (const auto& [user, counts] : users_) {
    writer.put(user.bytes);
    writer.put(counts.hour);
    for (const Used& slot : counts.slots) writer.put(slot);
    writer.put(static_cast<std::uint32_t>(counts.known.size()));
    for (const auto& [hash, day] : counts.known) {
      writer.put(hash);
      writer.put(day);
    }
  }
  changed_ = false;
  return writer.take();
}

}  // namespace hauspost::transport
