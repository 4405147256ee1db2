"""Which conversations to list, by the vendor's names.                                                       pure

Source: https://elevenlabs.io/docs/api-reference/conversations/list
"""

from collections.abc import Sequence
from typing import Literal, TypedDict

Verdict = Literal["success", "failure", "unknown"]
Status = Literal["initiated", "in-progress", "processing", "done", "failed"]


class ConversationFilters(TypedDict, total=False):
    """What is not there does not matter. Of a sequence any one is enough, at most 50."""

    agent_id: str
    visited_agent_ids: Sequence[str]
    visited_agent_branch_ids: Sequence[str]
    triggered_procedure_ids: Sequence[str]
    parent_conversation_id: str
    branch_id: str
    version_id: str
    user_id: str
    call_successful: Verdict
    call_start_before_unix: int
    """Unix seconds, as the next one."""
    call_start_after_unix: int
    call_duration_min_secs: int
    call_duration_max_secs: int
    rating_max: int
    """1 to 5, as the next one."""
    rating_min: int
    has_feedback_comment: bool
    evaluation_params: Sequence[str]
    """Each `criteria_id:result`."""
    evaluation_criteria_ids: Sequence[str]
    """Which results to show in each entry."""
    data_collection_params: Sequence[str]
    """Each `id:op:value`, op one of eq neq gt gte lt lte in exists missing."""
    data_collection_ids: Sequence[str]
    """Which results to show in each entry."""
    tool_names: Sequence[str]
    tool_names_successful: Sequence[str]
    tool_names_errored: Sequence[str]
    include_invalid_tool_calls: bool
    main_languages: Sequence[str]
    search: str
    """Words of the transcript."""
    summary_mode: Literal["exclude", "include"]
    conversation_initiation_source: str
    conversation_product_type: str
    text_only: bool
    topic_ids: Sequence[str]
    tag_ids: Sequence[str]
    exclude_statuses: Sequence[Status]
    workflow_node_entered_id: str
    termination_reasons: Sequence[str]
    guardrail_types: Sequence[str]
    custom_guardrail_names: Sequence[str]
    sort_direction: Literal["asc", "desc"]
    """By the beginning of the call; the vendor's default is the newest first."""
