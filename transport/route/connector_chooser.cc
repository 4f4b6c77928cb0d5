#include "transport/route/connector_chooser.h"

#include "base/text.h"

namespace hauspost::transport {

namespace {

struct Candidate {
  const SendConnector* connector = nullptr;
  std::size_t fit = 0;
  std::uint8_t cost = 0;

  bool better_than(const Candidate& other) const {
    if (other.connector == nullptr) return true;
    if (fit != other.fit) return fit > other.fit;
    if (cost != other.cost) return cost < other.cost;
    return ascii_lower(connector->name) < ascii_lower(other.connector->name);
  }
};

// The connector's best space for the domain; without a connector: none.
Candidate candidate(const SendConnector& connector, std::string_view domain) {
  Candidate best;
  for (const AddressSpace& space : connector.spaces) {
    const auto fit = match(space, domain);
    if (!fit) continue;
    const Candidate one{&connector, *fit, space.cost};
    if (one.better_than(best)) best = one;
  }
  return best;
}

NextHop hop_of(const SendConnector& connector, std::string_view domain) {
  return {.kind = NextHop::Kind::kConnector,
          .name = connector.name,
          .domain = connector.smart_hosts.empty() ? std::string(domain) : std::string()};
}

}  // namespace

Way choose_connector(const std::vector<SendConnector>& connectors, std::string_view domain,
                     std::uint64_t message_bytes) {
  Candidate best;
  Candidate too_small;
  for (const SendConnector& connector : connectors) {
    if (!connector.enabled) continue;
    const Candidate one = candidate(connector, domain);
    if (one.connector == nullptr) continue;
    Candidate& place = message_bytes > connector.message_bytes_max ? too_small : best;
    if (one.better_than(place)) place = one;
  }
  if (best.connector != nullptr) return {hop_of(*best.connector, domain), false};
  if (too_small.connector != nullptr) return {hop_of(*too_small.connector, domain), true};
  return {};
}

const SendConnector* find_connector(const std::vector<SendConnector>& connectors,
                                    std::string_view name) {
  for (const SendConnector& connector : connectors) {
    if (iequals(connector.name, name)) return &connector;
  }
  return nullptr;
}

}  // namespace hauspost::transport
