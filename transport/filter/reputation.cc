#include "transport/filter/reputation.h"

#include <algorithm>

#include "base/text.h"
#include "transport/filter/saved_table.h"

namespace hauspost::transport {

namespace {

constexpr std::string_view kMagic = "hauspost reputation 1\n";
constexpr std::size_t kAddressBytesMax = 64;

std::int64_t seconds_of(WallTime time) {
  return std::chrono::floor<Seconds>(time).time_since_epoch().count();
}

std::uint32_t hash_of(std::string_view hello) {
  std::uint32_t hash = 0x811c9dc5;
  for (const char c : hello)
    hash = (hash ^ static_cast<unsigned char>(ascii_lower(c))) * 0x01000193;
  return hash;
}

// `most` points for all of them, in whole points.
std::uint32_t share(std::uint32_t part, std::uint32_t whole, std::uint32_t most) {
  return whole == 0 ? 0 : (part * most + whole / 2) / whole;
}

}  // namespace

std::uint32_t Reputation::level_of(const Record& record) {
  if (record.messages < kMessagesLeast) return 0;
  // A cloud of senders behind one address has a few names; who makes one up each time has many.
  std::uint32_t points = share(record.hello_changes, record.messages, 8);
  points += share(record.bad, record.messages, 8);
  points += share(record.forged, record.messages, 4);
  points += share(record.without_reverse, record.messages, 2);
  return std::min(points, kLevelMost);
}

void Reputation::note(const ReputationSettings& settings, const std::string& address,
                      const Deed& deed, WallTime now) {
  if (!records_.contains(address)) make_room();
  Record& record = records_[address];
  ++record.messages;
  record.last_s = seconds_of(now);
  if (deed.bad) ++record.bad;
  if (deed.forged_hello) ++record.forged;
  if (deed.no_reverse) ++record.without_reverse;
  const std::uint32_t hash = hash_of(deed.hello);
  const auto known_end = record.hellos.begin() + static_cast<std::ptrdiff_t>(record.hello_count);
  if (std::find(record.hellos.begin(), known_end, hash) == known_end) {
    if (record.messages > 1) ++record.hello_changes;
    if (record.hello_count < kHellosMax) record.hellos[record.hello_count++] = hash;
  }
  const std::uint32_t level = level_of(record);
  if (level < settings.block_level || level == 0) return;
  blocks_[address] = {address, level, record.last_s + std::int64_t{settings.block_hours} * 3600};
  records_.erase(address);  // it begins anew when the block has ended
  changed_ = true;
}

std::uint32_t Reputation::level(const std::string& address) const {
  if (const auto block = blocks_.find(address); block != blocks_.end()) return block->second.level;
  const auto record = records_.find(address);
  return record == records_.end() ? 0 : level_of(record->second);
}

bool Reputation::is_blocked(const std::string& address, WallTime now) {
  if (blocks_.empty()) return false;
  const auto block = blocks_.find(address);
  if (block == blocks_.end()) return false;
  if (block->second.until_s > seconds_of(now)) return true;
  blocks_.erase(block);
  changed_ = true;
  return false;
}

bool Reputation::lift(const std::string& address) {
  records_.erase(address);
  const bool was = blocks_.erase(address) > 0;
  changed_ = changed_ || was;
  return was;
}

std::vector<Reputation::Blocked> Reputation::blocked(WallTime now) const {
  std::vector<Blocked> out;
  for (const auto& [address, block] : blocks_)
    if (block.until_s > seconds_of(now)) out.push_back(block);
  std::ranges::sort(out, {}, &Blocked::address);
  return out;
}

void Reputation::make_room() {
  if (records_.size() >= kAddressesMax) {
    std::vector<std::int64_t> times;
    for (const auto& [address, record] : records_) times.push_back(record.last_s);
    const auto tenth = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 10);
    std::nth_element(times.begin(), tenth, times.end());
    std::erase_if(records_,
                  [limit = *tenth](const auto& entry) { return entry.second.last_s <= limit; });
  }
  if (blocks_.size() >= kAddressesMax) blocks_.clear();
}

bool Reputation::load(std::string_view bytes) {
  TableReader reader(bytes, kMagic);
  const auto count = reader.get<std::uint32_t>();
  if (!reader.good() || count > 2 * kAddressesMax) return false;
  std::unordered_map<std::string, Blocked> blocks;
  for (std::uint32_t i = 0; i < count; ++i) {
    Blocked block;
    block.until_s = reader.get<std::int64_t>();
    block.level = reader.get<std::uint32_t>();
    const auto size = reader.get<std::uint8_t>();
    if (size > kAddressBytesMax) return false;
    for (std::uint8_t at = 0; at < size; ++at) block.address += reader.get<char>();
    blocks[block.address] = block;
  }
  if (!reader.good() || !reader.at_end()) return false;
  blocks_ = std::move(blocks);
  return true;
}

std::string Reputation::save() {
  TableWriter writer(kMagic);
  writer.put(static_cast<std::uint32_t>(blocks_.size()));
  for (const auto& [address, block] : blocks_) {
    writer.put(block.until_s);
    writer.put(block.level);
    const std::string_view text = std::string_view(address).substr(0, kAddressBytesMax);
    writer.put(static_cast<std::uint8_t>(text.size()));
    for (const char c : text) writer.put(c);
  }
  changed_ = false;
  return writer.take();
}

}  // namespace hauspost::transport
