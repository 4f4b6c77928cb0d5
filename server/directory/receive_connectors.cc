#include "server/directory/receive_connectors.h"

#include <algorithm>

#include "base/log.h"
#include "server/directory/receive_connector_words.h"
#include "server/directory/receive_connectors.pb.h"
#include "server/directory/writer.h"

namespace hauspost::directory {

namespace {

constexpr std::string_view kKey = "receive.connectors";
constexpr unsigned kConnectorsFormat = 1;

Result<std::vector<ReceiveConnector>> from_stored(const std::string& bytes) {
  stored::ReceiveConnectors message;
  if (!message.ParseFromString(bytes) || message.format() != kConnectorsFormat)
    return fail(ErrorCode::kCorrupt, "directory: the receive connectors do not parse");
  std::vector<ReceiveConnector> all;
  for (const auto& one : message.connectors()) {
    auto connector = from_message(one);
    if (!connector)
      return fail(ErrorCode::kCorrupt,
                  fmt::format("receive connector \"{}\": {}", escape_for_log(one.name()),
                              connector.error().text));
    all.push_back(std::move(*connector));
  }
  return all;
}

// How many bits of `peer` a range of the connector names; nullopt: it does not serve it.
std::optional<unsigned> specificity(const ReceiveConnector& connector, std::string_view peer) {
  if (connector.remote.empty()) return 0;
  std::optional<unsigned> best;
  for (const Network& range : connector.remote) {
    if (range.contains(peer)) best = std::max(best.value_or(0), range.prefix() + 1);
  }
  return best;
}

}  // namespace

Result<std::optional<std::vector<ReceiveConnector>>> receive_connectors(
    const DirectoryReader& reader) {
  TRY_ASSIGN(const std::string bytes, reader.setting(kKey));
  if (bytes.empty()) return std::nullopt;
  TRY_ASSIGN(auto all, from_stored(bytes));
  return std::optional(std::move(all));
}

Result<> set_receive_connectors(DirectoryWriter& writer,
                                const std::vector<ReceiveConnector>& connectors) {
  std::vector<const ReceiveConnector*> sorted;
  for (const ReceiveConnector& one : connectors) sorted.push_back(&one);
  std::ranges::sort(sorted, {}, [](const auto* one) { return ascii_lower(one->name); });
  stored::ReceiveConnectors message;
  message.set_format(kConnectorsFormat);
  for (const ReceiveConnector* one : sorted) to_message(*one, *message.add_connectors());
  return writer.set_setting(kKey, message.SerializeAsString());
}

const std::vector<ReceiveConnector::Binding>& effective_bindings(const ReceiveConnector& connector,
                                                                 const DefaultBindings& defaults) {
  static const std::vector<ReceiveConnector::Binding> kNone;
  if (!connector.bindings.empty()) return connector.bindings;
  const auto found = defaults.find(connector.listener);
  return found == defaults.end() ? kNone : found->second;
}

std::string endpoint_text(const ReceiveConnector::Binding& binding) {
  const bool v6 = binding.address.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", binding.address, v6 ? "]" : "", binding.port);
}

SharedConnector match_connector(std::span<const SharedConnector> connectors, const ArrivedAt& at,
                                std::string_view peer) {
  // A socket of hauspost.toml is everybody's who has no address of its own.
  const auto opened_for = std::ranges::find_if(
      connectors, [&](const SharedConnector& one) { return one->name == at.connector; });
  const bool by_default = opened_for != connectors.end() && (*opened_for)->bindings.empty();
  const auto listens_there = [&](const ReceiveConnector& connector) {
    if (!connector.bindings.empty())
      return std::ranges::find(connector.bindings, at.local) != connector.bindings.end();
    return by_default && connector.listener == (*opened_for)->listener;
  };
  SharedConnector best;
  std::optional<unsigned> best_bits;
  for (const SharedConnector& one : connectors) {
    if (!one->enabled || !listens_there(*one)) continue;
    const auto bits = specificity(*one, peer);
    if (!bits || (best_bits && *best_bits >= *bits)) continue;
    best = one;
    best_bits = bits;
  }
  return best;
}

SharedConnector ReceiveConnectors::find(std::string_view name) const {
  const auto& connectors = all();
  // Nobody has configured any: what the front-end names is a listener.
  if (bytes_.empty()) return transport::built_in_connector(name);
  const auto found = std::ranges::find_if(
      connectors, [&](const SharedConnector& one) { return one->name == name; });
  return found == connectors.end() ? nullptr : *found;
}

const std::vector<SharedConnector>& ReceiveConnectors::all() const {
  const auto version = reader_.version();
  if (version && version_ == *version) return all_;
  auto bytes = reader_.setting(kKey);
  if (!version || !bytes) {
    log::error("connectors.unreadable", {{"cause", version ? bytes.error() : version.error()}});
    return all_;
  }
  version_ = *version;
  if (*bytes == bytes_) return all_;
  auto parsed = from_stored(*bytes);
  if (!parsed) {
    log::error("connectors.unreadable", {{"cause", parsed.error()}});
    return all_;
  }
  bytes_ = std::move(*bytes);
  all_.clear();
  for (ReceiveConnector& one : *parsed)
    all_.push_back(std::make_shared<const ReceiveConnector>(std::move(one)));
  return all_;
}

}  // namespace hauspost::directory
