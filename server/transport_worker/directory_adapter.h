// DirectoryAdapter: transport's questions, answered from the organisation's directory.
#pragma once

#include "server/directory/directory.h"
#include "transport/directory.h"

namespace hauspost::transport_worker {

// A mailbox that is switched off is unknown: nobody learns that it is there.
class DirectoryAdapter final : public transport::Directory {
 public:
  // `directory` outlives it. Sockets are named in `run_dir`.
  DirectoryAdapter(const directory::DirectoryReader& directory, std::string run_dir)
      : directory_(directory), run_dir_(std::move(run_dir)) {}

  transport::Resolved resolve(std::string_view address) const override;
  Result<bool> is_accepted_domain(std::string_view domain) const override;
  Result<bool> owns_address(const Guid& mailbox, std::string_view address) const override;
  Result<transport::SenderRules> sender_rules(const Guid& mailbox) const override;

 private:
  const directory::DirectoryReader& directory_;
  std::string run_dir_;
};

}  // namespace hauspost::transport_worker
