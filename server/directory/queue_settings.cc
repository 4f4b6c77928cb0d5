#include "server/directory/queue_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

#include "base/text.h"
#include "server/directory/writer.h"

namespace hauspost::directory {

namespace {

using transport::PressureLimits;
using transport::QueueOptions;

using Member = std::variant<Seconds QueueOptions::*, std::uint32_t QueueOptions::*,
                            std::uint32_t PressureLimits::*>;

struct Known {
  std::string_view name;
  QueueUnit unit;
  Member member;
  std::uint64_t least;
  std::uint64_t most;
  std::string_view words;
};

constexpr std::uint64_t kDay = 86'400;
constexpr std::uint64_t kMonths = 90 * kDay;
constexpr std::uint64_t kItemsMost = 100'000'000;
constexpr std::uint64_t kMibMost = 1 << 20;
using enum QueueUnit;

constexpr Known kKnown[] = {
    {"glitch-retries", kCount, &QueueOptions::glitch_retries, 0, 1000,
     "first retries of a next hop that cannot be reached"},
    {"glitch-interval", kSeconds, &QueueOptions::glitch_interval, 1, kDay, "between them"},
    {"transient-retries", kCount, &QueueOptions::transient_retries, 0, 1000,
     "retries of a next hop after those"},
    {"transient-interval", kSeconds, &QueueOptions::transient_interval, 1, kDay, "between them"},
    {"failure-interval", kSeconds, &QueueOptions::failure_interval, 1, kDay,
     "between all later retries of a next hop"},
    {"mailbox-first", kSeconds, &QueueOptions::mailbox_first, 1, 3600,
     "before the first retry of a mailbox database; doubles"},
    {"mailbox-interval", kSeconds, &QueueOptions::mailbox_interval, 1, kDay,
     "at most between retries of a database or a mailbox"},
    {"message-interval", kSeconds, &QueueOptions::message_interval, 1, kDay,
     "before a recipient that was refused for now is tried again"},
    {"delay-notice", kSeconds, &QueueOptions::delay_notice, 0, kMonths,
     "until the sender hears that it takes long; 0: never"},
    {"expiry", kSeconds, &QueueOptions::expiry, 60, kMonths,
     "until the sender gets the message back"},
    {"connections", kCount, &QueueOptions::connections_max, 1, 10'000, "attempts at once, in all"},
    {"hop-connections", kCount, &QueueOptions::hop_connections_max, 1, 1000,
     "attempts at once to one next hop"},
    {"hop-messages-a-minute", kCount, &QueueOptions::hop_messages_a_minute, 0, 1'000'000,
     "messages a minute to one next hop; 0: as many as go"},
    {"safety-net", kSeconds, &QueueOptions::safety_net, 0, kMonths,
     "how long delivered mail of the queue is kept; 0: not at all"},
    {"disk-medium", kMebibytes, &PressureLimits::disk_medium_mib, 0, kMibMost,
     "less is free: strangers have to wait; 0: off"},
    {"disk-high", kMebibytes, &PressureLimits::disk_high_mib, 0, kMibMost,
     "less is free: everybody has to wait; 0: off"},
    {"items-medium", kCount, &PressureLimits::items_medium, 0, kItemsMost,
     "so many wait: strangers have to wait; 0: off"},
    {"items-high", kCount, &PressureLimits::items_high, 0, kItemsMost,
     "so many wait: everybody has to wait; 0: off"},
    {"memory-medium", kPercent, &PressureLimits::memory_medium_percent, 0, 100,
     "transport's share of memory: strangers have to wait; 0: off"},
    {"memory-high", kPercent, &PressureLimits::memory_high_percent, 0, 100,
     "transport's share of memory: everybody has to wait; 0: off"},
};

std::uint64_t get(const QueueSettings& settings, const Known& known) {
  if (const auto* seconds = std::get_if<Seconds QueueOptions::*>(&known.member))
    return static_cast<std::uint64_t>((settings.queue.**seconds).count());
  if (const auto* number = std::get_if<std::uint32_t QueueOptions::*>(&known.member))
    return settings.queue.**number;
  return settings.pressure.*std::get<std::uint32_t PressureLimits::*>(known.member);
}

void set(QueueSettings& settings, const Known& known, std::uint64_t value) {
  const auto small = static_cast<std::uint32_t>(value);
  if (const auto* seconds = std::get_if<Seconds QueueOptions::*>(&known.member))
    settings.queue.** seconds = Seconds(static_cast<std::int64_t>(value));
  else if (const auto* number = std::get_if<std::uint32_t QueueOptions::*>(&known.member))
    settings.queue.** number = small;
  else
    settings.pressure.*std::get<std::uint32_t PressureLimits::*>(known.member) = small;
}

std::string key(const Known& known) { return fmt::format("queue.{}", known.name); }

bool is_in_range(const Known& known, std::uint64_t value) {
  return value >= known.least && value <= known.most;
}

}  // namespace

std::vector<QueueSetting> list(const QueueSettings& settings) {
  const QueueSettings defaults;
  std::vector<QueueSetting> out;
  for (const Known& known : kKnown) {
    out.push_back({known.name, known.unit, get(settings, known), get(defaults, known), known.least,
                   known.most, known.words});
  }
  return out;
}

Result<> change(QueueSettings& settings, std::string_view name, std::uint64_t value) {
  const auto* known = std::ranges::find(kKnown, name, &Known::name);
  if (known == std::end(kKnown)) {
    return fail(
        ErrorCode::kNotFound,
        fmt::format("the queue has no setting {}; see: hauspost queue set", escape_for_log(name)));
  }
  if (!is_in_range(*known, value)) {
    return fail(ErrorCode::kInvalid, fmt::format("{} {}: must be from {} to {}", name, value,
                                                 known->least, known->most));
  }
  set(settings, *known, value);
  return {};
}

QueueSettings queue_settings(const DirectoryReader& reader) {
  QueueSettings settings;
  for (const Known& known : kKnown) {
    const auto value = parse_u64(reader.setting(key(known)).value_or(std::string()));
    if (value && is_in_range(known, *value)) set(settings, known, *value);
  }
  return settings;
}

Result<> check(const QueueSettings& settings) {
  if (settings.queue.delay_notice >= settings.queue.expiry) {
    return fail(ErrorCode::kInvalid,
                "the delay notice must come before the expiry: raise expiry or lower delay-notice");
  }
  const PressureLimits& limits = settings.pressure;
  const auto ordered = [](std::uint32_t medium, std::uint32_t high) {
    return medium == 0 || high == 0 || medium <= high;
  };
  if (!ordered(limits.disk_high_mib, limits.disk_medium_mib))
    return fail(ErrorCode::kInvalid, "disk-medium must be at least disk-high");
  if (!ordered(limits.items_medium, limits.items_high))
    return fail(ErrorCode::kInvalid, "items-high must be at least items-medium");
  if (!ordered(limits.memory_medium_percent, limits.memory_high_percent))
    return fail(ErrorCode::kInvalid, "memory-high must be at least memory-medium");
  return {};
}

Result<> set_queue_settings(DirectoryWriter& writer, const QueueSettings& settings) {
  TRY(check(settings));
  const QueueSettings defaults;
  for (const Known& known : kKnown) {
    const std::uint64_t value = get(settings, known);
    const bool usual = value == get(defaults, known);
    TRY(writer.set_setting(key(known), usual ? std::string() : std::to_string(value)));
  }
  return {};
}

}  // namespace hauspost::directory
