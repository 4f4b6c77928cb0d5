// ENVELOPE, BODY and BODYSTRUCTURE as IMAP text (RFC 3501 section 7.4.2, RFC 9051 section 7.5.2).
#pragma once

#include <string>

#include "store/mime/part_tree.h"

namespace hauspost::mime {

// How many addresses may still be written for a message; counts down across its embedded messages.
struct AddressBudget {
  std::size_t left = Limits{}.addresses_max;
};

void write_envelope(std::string& out, const KnownFields& fields, AddressBudget& budget);
void write_body_structure(std::string& out, const PartTree& tree, bool extended,
                          AddressBudget budget);

}  // namespace hauspost::mime
