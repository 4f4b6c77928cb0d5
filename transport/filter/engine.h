// FilterEngine: the filters of this node and what they remember.
#pragma once

#include <memory>

#include "transport/filter/filters.h"
#include "transport/filter/greylist.h"
#include "transport/filter/quarantine.h"
#include "transport/filter/reputation.h"
#include "transport/filter/settings.h"
#include "transport/filter/user_caps.h"
#include "transport/services.h"

namespace hauspost::transport {

// REQUIRES: the io thread; `services` outlives it, and it every session.
class FilterEngine final : public Filters {
 public:
  // Held-back messages go below `folder`/quarantine.
  FilterEngine(Executor executor, Services& services, const std::string& folder);

  std::unique_ptr<FilterSession> begin(const FilterClient& client) override;

  // For sessions that begin from now on.
  void set_settings(FilterSettings settings);
  const FilterSettings& settings() const { return *settings_; }

  Services& services() { return services_; }
  Greylist& greylist() { return greylist_; }
  Reputation& reputation() { return reputation_; }
  UserCounts& counts() { return counts_; }
  Quarantine& quarantine() { return quarantine_; }

  // What must outlive the process, by file name; load before the first session.
  struct Saved {
    std::string name;
    std::string bytes;
  };
  static constexpr std::string_view kSavedNames[] = {"greylist", "reputation", "user-counts"};
  // False: not what save_changed() gave; as if it had not been there.
  bool load(std::string_view name, std::string_view bytes);
  std::vector<Saved> save_changed();

 private:
  Services& services_;
  std::shared_ptr<const FilterSettings> settings_;
  Greylist greylist_;
  Reputation reputation_;
  UserCounts counts_;
  Quarantine quarantine_;
};

}  // namespace hauspost::transport
