// DirectoryAdapter: transport's questions, answered from the organisation's directory.
#pragma once

#include <optional>

#include "base/clock.h"
#include "server/directory/directory.h"
#include "transport/directory.h"
#include "transport/resolve/srs.h"

namespace hauspost::transport_worker {

// A mailbox that is switched off is unknown: nobody learns that it is there. An address that was
// rewritten here (SRS) and is still good stands for the sender it was made from.
class DirectoryAdapter final : public transport::Directory {
 public:
  // `directory` and `srs` outlive it; `srs` may be null: nothing is rewritten, and no such address
  // is known. Sockets are named in `run_dir`.
  DirectoryAdapter(const directory::DirectoryReader& directory, std::string run_dir,
                   const transport::Srs* srs = nullptr, const Clock& clock = system_clock())
      : directory_(directory), run_dir_(std::move(run_dir)), srs_(srs), clock_(clock) {}

  transport::Resolved resolve(std::string_view address) const override;
  Result<bool> is_accepted_domain(std::string_view domain) const override;
  Result<bool> owns_address(const Guid& mailbox, std::string_view address) const override;
  Result<transport::SenderRules> sender_rules(const Guid& mailbox) const override;
  Result<transport::SendRight> may_send(const Guid& user, std::string_view address) const override;
  Result<bool> may_post(const Guid& group, const Guid& user) const override;
  Result<transport::GroupRules> group_rules(const Guid& group) const override;
  Result<transport::MemberPage> members(const Guid& group, std::string_view from,
                                        std::size_t limit) const override;
  std::string forwarding_domain(std::string_view address) const override;
  std::string canonical_domain(std::string_view domain) const override;
  Result<std::uint64_t> version() const override { return directory_.version(); }

 private:
  transport::Resolved resolve_mailbox(const directory::MailboxEntry& mailbox) const;
  std::optional<transport::Resolved> resolve_rewritten(std::string_view address) const;

  const directory::DirectoryReader& directory_;
  std::string run_dir_;
  const transport::Srs* srs_;
  const Clock& clock_;
};

}  // namespace hauspost::transport_worker
