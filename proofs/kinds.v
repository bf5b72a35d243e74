(** The kinds of statements: how their words are typed, what they say, how they are checked. Spec: statements.md.

    [judge_statement_correct]: an accepted statement holds. A kind is a file of statements/, and a line in each definition here. *)
From Coq Require Import String ZArith Reals List.
From Certify Require Import syntax result exact.
From Certify.statements Require s_procedure.
Import ListNotations.
Open Scope string_scope.

(** ** Words by sort *)

Inductive sort := SMatrix | SMatrices | SRational | SCount | SInteger.

Inductive argument :=
| AMatrix (m : matrix_words)
| AMatrices (l : list matrix_words)
| ARational (q : ratio)
| ACount (n : nat)
| AInteger (z : Z).

(** What a statement of each kind speaks of: names for people, and sorts. *)
Definition signatures : list (string * list (string * sort)) :=
  [("s-procedure", [("conclusion", SMatrix); ("count", SCount); ("premises", SMatrix)])].

(** ** Statements *)

Inductive statement :=
| SProcedure (w : s_procedure.words).

Definition statement_of (kind : string) (args : list argument) : option statement :=
  if kind =? "s-procedure" then
    match args with
    | [AMatrix c; ACount n; AMatrix p] =>
        Some (SProcedure {| s_procedure.conclusion := c; s_procedure.count := n; s_procedure.premises := p |})
    | _ => None
    end
  else None.

(** What it says. *)
Definition statement_holds (s : store) (st : statement) : Prop :=
  match st with
  | SProcedure w => s_procedure.holds s w
  end.

Definition check_statement (s : store) (st : statement) (e : evidence) : result unit :=
  match st with
  | SProcedure w => s_procedure.check s w e
  end.

Theorem check_statement_correct s st e : check_statement s st e = Ok tt -> statement_holds s st.
Proof.
  destruct st; simpl; intros H.
  - exact (s_procedure.s_procedure_correct _ _ _ H).
Qed.

(** ** The top theorem *)

Definition words_hold (s : store) (kind : string) (args : list argument) : Prop :=
  exists st, statement_of kind args = Some st /\ statement_holds s st.

Definition judge_statement (s : store) (kind : string) (args : list argument) (e : evidence) : result unit :=
  st <- get "no-such-kind" (statement_of kind args) ;;
  check_statement s st e.

Theorem judge_statement_correct s kind args e : judge_statement s kind args e = Ok tt -> words_hold s kind args.
Proof.
  unfold judge_statement. intros H. apply bind_ok in H. destruct H as (st & E & H). apply get_ok in E.
  exists st. split; [exact E | exact (check_statement_correct s st e H)].
Qed.
