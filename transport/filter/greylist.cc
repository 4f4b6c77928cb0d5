#include "transport/filter/greylist.h"

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "transport/filter/saved_table.h"

namespace hauspost::transport {

namespace {

constexpr std::string_view kMagic = "hauspost greylist 1\n";
constexpr unsigned kV4Prefix = 24;
constexpr unsigned kV6Prefix = 64;

// FNV-1a, finished well. Stable over restarts, for it is saved. A collision lets one message pass.
std::uint64_t hash_of(std::initializer_list<std::string_view> parts) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&](unsigned char octet) { hash = (hash ^ octet) * 0x100000001b3; };
  for (const std::string_view part : parts) {
    for (const char c : part) add(static_cast<unsigned char>(ascii_lower(c)));
    add(0);
  }
  hash ^= hash >> 32;
  hash *= 0xd6e8feb86659fd93;
  return hash ^ hash >> 32;
}

std::uint32_t seconds_of(WallTime time) {
  return static_cast<std::uint32_t>(std::chrono::floor<Seconds>(time).time_since_epoch().count());
}

// A clock that is set back stands still here.
std::uint32_t elapsed_s(std::uint32_t since_s, std::uint32_t now_s) {
  return now_s > since_s ? now_s - since_s : 0;
}

// Takes the tenth away that was heard of longest ago.
template <class Map>
void drop_oldest(Map& map) {
  std::vector<std::uint32_t> times;
  times.reserve(map.size());
  for (const auto& [key, value] : map) times.push_back(value.last_s);
  const auto tenth = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 10);
  std::nth_element(times.begin(), tenth, times.end());
  std::erase_if(map, [limit = *tenth](const auto& entry) { return entry.second.last_s <= limit; });
}

}  // namespace

Greylist::Verdict Greylist::ask(const GreylistSettings& settings, std::string_view address,
                                std::string_view sender, std::string_view recipient, WallTime now) {
  const auto around = Network::around(address, kV4Prefix, kV6Prefix);
  const std::string network = around ? around->to_string() : std::string(address);
  const std::uint32_t now_s = seconds_of(now);
  make_room(settings, now_s);
  Known& known = networks_[hash_of({network})];
  if (known.last_s != 0 && elapsed_s(known.last_s, now_s) > settings.keep_s) known = {};
  known.last_s = now_s;
  changed_ = true;
  if (settings.auto_allow != 0 && known.passed >= settings.auto_allow) return {};

  Triplet& triplet = triplets_[hash_of({network, sender, recipient})];
  const std::uint32_t forget = triplet.passed ? settings.keep_s : settings.window_s;
  if (triplet.first_s == 0 || elapsed_s(triplet.last_s, now_s) > forget)
    triplet = {now_s, now_s, false};
  triplet.last_s = now_s;
  if (triplet.passed) return {};
  const std::uint32_t waited = elapsed_s(triplet.first_s, now_s);
  if (waited < settings.delay_s) return {false, Seconds(settings.delay_s - waited)};
  triplet.passed = true;
  ++known.passed;
  return {};
}

void Greylist::make_room(const GreylistSettings& settings, std::uint32_t now_s) {
  if (triplets_.size() >= kTripletsMax) {
    std::erase_if(triplets_, [&](const auto& entry) {
      const std::uint32_t forget = entry.second.passed ? settings.keep_s : settings.window_s;
      return elapsed_s(entry.second.last_s, now_s) > forget;
    });
    if (triplets_.size() > kTripletsMax / 10 * 9) drop_oldest(triplets_);
  }
  if (networks_.size() >= kNetworksMax) drop_oldest(networks_);
}

bool Greylist::load(std::string_view bytes) {
  TableReader reader(bytes, kMagic);
  const auto triplets = reader.get<std::uint32_t>();
  const auto networks = reader.get<std::uint32_t>();
  if (!reader.good() || triplets > 2 * kTripletsMax || networks > 2 * kNetworksMax) return false;
  Greylist loaded;
  for (std::uint32_t i = 0; i < triplets; ++i) {
    const auto key = reader.get<std::uint64_t>();
    const auto first = reader.get<std::uint32_t>();
    const auto last = reader.get<std::uint32_t>();
    loaded.triplets_[key] = {first, last, reader.get<std::uint8_t>() != 0};
  }
  for (std::uint32_t i = 0; i < networks; ++i) {
    const auto key = reader.get<std::uint64_t>();
    const auto last = reader.get<std::uint32_t>();
    loaded.networks_[key] = {last, reader.get<std::uint32_t>()};
  }
  if (!reader.good() || !reader.at_end()) return false;
  triplets_ = std::move(loaded.triplets_);
  networks_ = std::move(loaded.networks_);
  return true;
}

std::string Greylist::save() {
  TableWriter writer(kMagic);
  writer.put(static_cast<std::uint32_t>(triplets_.size()));
  writer.put(static_cast<std::uint32_t>(networks_.size()));
  for (const auto& [key, triplet] : triplets_) {
    writer.put(key);
    writer.put(triplet.first_s);
    writer.put(triplet.last_s);
    writer.put(static_cast<std::uint8_t>(triplet.passed));
  }
  for (const auto& [key, known] : networks_) {
    writer.put(key);
    writer.put(known.last_s);
    writer.put(known.passed);
  }
  changed_ = false;
  return writer.take();
}

}  // namespace hauspost::transport
