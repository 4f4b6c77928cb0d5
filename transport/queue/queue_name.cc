#include "transport/queue/queue_name.h"

#include <fmt/format.h>

#include "base/text.h"
#include "store/types.h"

namespace hauspost::transport {

namespace {

constexpr std::string_view kDelivery = "Delivery";
constexpr std::string_view kRemote = "Remote";

// One level of a path. A name that would be too long ends in a part of itself that no other has in
// practice: domains are at most 255 octets, so only a strange connector's name comes here.
std::string to_level(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const auto octet = static_cast<unsigned char>(c);
    const bool plain = octet > ' ' && octet != 0x7f && c != store::kHierarchySeparator && c != '%';
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", octet);
  }
  return out.substr(0, store::kFolderNameMax);
}

int digit_value(char c) {
  if (is_digit(c)) return c - '0';
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::optional<std::string> from_level(std::string_view level) {
  constexpr std::size_t kEscapeBytes = 3;
  constexpr int kBase = 16;
  std::string out;
  for (std::size_t i = 0; i < level.size(); ++i) {
    if (level[i] != '%') {
      out += level[i];
      continue;
    }
    if (level.size() - i < kEscapeBytes) return std::nullopt;
    const int high = digit_value(level[i + 1]);
    const int low = digit_value(level[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * kBase + low);
    i += kEscapeBytes - 1;
  }
  return out;
}

// What stands behind "PREFIX/"; nullopt: something else.
std::optional<std::string_view> behind(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix) || name.size() <= prefix.size() + 1) return std::nullopt;
  if (name[prefix.size()] != store::kHierarchySeparator) return std::nullopt;
  return name.substr(prefix.size() + 1);
}

}  // namespace

std::string queue_name(const NextHop& hop) {
  switch (hop.kind) {
    case NextHop::Kind::kUnreachable: break;
    case NextHop::Kind::kDatabase: return delivery_queue(hop.name);
    case NextHop::Kind::kConnector:
      if (hop.domain.empty()) return fmt::format("{}/{}", kRemote, to_level(hop.name));
      return fmt::format("{}/{}/{}", kRemote, to_level(hop.name), to_level(hop.domain));
  }
  return std::string(kUnreachableQueue);
}

std::optional<NextHop> hop_of_queue(std::string_view name) {
  if (name == kUnreachableQueue) return NextHop{};
  if (name == kDelivery) return NextHop{NextHop::Kind::kDatabase, {}, {}};
  if (const auto database = behind(name, kDelivery)) {
    auto decoded = from_level(*database);
    if (!decoded || database->find(store::kHierarchySeparator) != database->npos)
      return std::nullopt;
    return NextHop{NextHop::Kind::kDatabase, std::move(*decoded), {}};
  }
  const auto rest = behind(name, kRemote);
  if (!rest) return std::nullopt;
  const std::size_t slash = rest->find(store::kHierarchySeparator);
  const bool has_domain = slash != rest->npos;
  const std::string_view domain_level = has_domain ? rest->substr(slash + 1) : std::string_view();
  auto connector = from_level(rest->substr(0, slash));
  auto domain = from_level(domain_level);
  if (!connector || connector->empty() || !domain || domain->empty() == has_domain)
    return std::nullopt;
  if (domain_level.find(store::kHierarchySeparator) != domain_level.npos) return std::nullopt;
  return NextHop{NextHop::Kind::kConnector, std::move(*connector), std::move(*domain)};
}

std::string delivery_queue(std::string_view database) {
  std::string name(kDelivery);
  if (!database.empty()) name += store::kHierarchySeparator + to_level(database);
  return name;
}

}  // namespace hauspost::transport
