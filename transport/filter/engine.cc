#include "transport/filter/engine.h"

#include "transport/filter/session_filter.h"

namespace hauspost::transport {

FilterEngine::FilterEngine(Executor executor, Services& services, const std::string& folder)
    : services_(services),
      settings_(std::make_shared<const FilterSettings>()),
      quarantine_(executor, folder + "/quarantine") {}

void FilterEngine::set_settings(FilterSettings settings) {
  settings_ = std::make_shared<const FilterSettings>(std::move(settings));
}

std::unique_ptr<FilterSession> FilterEngine::begin(const FilterClient& client) {
  const bool user = client.authenticated && client.start.mailbox.has_value();
  const bool concerned = user ? settings_->concerns_user(*client.start.mailbox)
                              : !client.bypass && settings_->concerns_strangers();
  if (!concerned) return nullptr;
  return std::make_unique<SessionFilter>(*this, settings_, client);
}

bool FilterEngine::load(std::string_view name, std::string_view bytes) {
  if (name == kSavedNames[0]) return greylist_.load(bytes);
  if (name == kSavedNames[1]) return reputation_.load(bytes);
  return name == kSavedNames[2] && counts_.load(bytes);
}

std::vector<FilterEngine::Saved> FilterEngine::save_changed() {
  std::vector<Saved> out;
  if (greylist_.changed()) out.push_back({std::string(kSavedNames[0]), greylist_.save()});
  if (reputation_.changed()) out.push_back({std::string(kSavedNames[1]), reputation_.save()});
  if (counts_.changed()) out.push_back({std::string(kSavedNames[2]), counts_.save()});
  return out;
}

}  // namespace hauspost::transport
