(** The kinds of statements: how their words are typed, what they say, how they are checked. Spec: statements.md.

    [judge_statement_correct]: an accepted statement holds. A kind is a file of statements/, and a line in each
    definition here. *)
From Coq Require Import String ZArith Reals List.
From Certify Require Import syntax result exact.
From Certify.statements Require s_procedure truncation inertia lipschitz difference_gain local_lipschitz gain
  super_solution lumping stationary polynomial invariant range tail.
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
  [("s-procedure", [("conclusion", SMatrix); ("count", SCount); ("premises", SMatrix)]);
   ("truncation", [("full", SMatrix); ("coarse", SMatrix); ("shape", SMatrix); ("limit", SRational)]);
   ("inertia", [("of", SMatrix); ("above", SCount); ("low", SRational); ("high", SRational)]);
   ("lipschitz", [("layers", SMatrices); ("slopes", SMatrix); ("limit", SRational)]);
   ("difference-gain", [("layers_f", SMatrices); ("slopes_f", SMatrix); ("layers_g", SMatrices); ("slopes_g",
     SMatrix); ("limit", SRational)]);
   ("local-lipschitz", [("layers", SMatrices); ("biases", SMatrices); ("low", SMatrix); ("high", SMatrix); ("limit",
     SRational)]);
   ("gain", [("continuous", SCount); ("systems", SMatrices); ("limit", SRational)]);
   ("super-solution", [("gains", SMatrix); ("sources", SMatrix); ("bound", SMatrix); ("implicit", SCount)]);
   ("lumping", [("chain", SMatrix); ("blocks", SMatrix); ("macro", SMatrix); ("start", SRational); ("limit",
     SRational)]);
   ("stationary", [("chain", SMatrix); ("values", SMatrix); ("low", SRational); ("high", SRational)]);
   ("polynomial", [("variables", SCount); ("polynomials", SMatrices); ("equalities", SCount)]);
   ("invariant", [("parameters", SCount); ("state", SCount); ("shared", SCount); ("shared-equalities", SCount);
     ("initial", SCount); ("initial-equalities", SCount); ("relation-equalities", SCount); ("points", SMatrices);
     ("relation", SMatrices)]);
   ("range", [("constants", SMatrix); ("program", SMatrix); ("box", SMatrix); ("limit", SRational)]);
   ("tail", [("trials", SCount); ("failures", SCount); ("rate", SRational); ("level", SRational)])].

(** ** Statements *)

Inductive statement :=
| SProcedure (w : s_procedure.words)
| STruncation (w : truncation.words)
| SInertia (w : inertia.words)
| SLipschitz (w : lipschitz.words)
| SDifferenceGain (w : difference_gain.words)
| SLocalLipschitz (w : local_lipschitz.words)
| SGain (w : gain.words)
| SSuperSolution (w : super_solution.words)
| SLumping (w : lumping.words)
| SStationary (w : stationary.words)
| SPolynomial (w : polynomial.words)
| SInvariant (w : invariant.words)
| SRange (w : range.words)
| STail (w : tail.words).

Definition statement_of (kind : string) (args : list argument) : option statement :=
  if kind =? "s-procedure" then
    match args with
    | [AMatrix x0; ACount x1; AMatrix x2] =>
        Some (SProcedure {| s_procedure.conclusion := x0; s_procedure.count := x1; s_procedure.premises := x2 |})
    | _ => None
    end
  else if kind =? "truncation" then
    match args with
    | [AMatrix x0; AMatrix x1; AMatrix x2; ARational x3] =>
        Some (STruncation {| truncation.full := x0; truncation.coarse := x1; truncation.shape := x2; truncation.limit
          := x3 |})
    | _ => None
    end
  else if kind =? "inertia" then
    match args with
    | [AMatrix x0; ACount x1; ARational x2; ARational x3] =>
        Some (SInertia {| inertia.of := x0; inertia.above := x1; inertia.low := x2; inertia.high := x3 |})
    | _ => None
    end
  else if kind =? "lipschitz" then
    match args with
    | [AMatrices x0; AMatrix x1; ARational x2] =>
        Some (SLipschitz {| lipschitz.layers := x0; lipschitz.slopes := x1; lipschitz.limit := x2 |})
    | _ => None
    end
  else if kind =? "difference-gain" then
    match args with
    | [AMatrices x0; AMatrix x1; AMatrices x2; AMatrix x3; ARational x4] =>
        Some (SDifferenceGain {| difference_gain.layers_f := x0; difference_gain.slopes_f := x1;
          difference_gain.layers_g := x2; difference_gain.slopes_g := x3; difference_gain.limit := x4 |})
    | _ => None
    end
  else if kind =? "local-lipschitz" then
    match args with
    | [AMatrices x0; AMatrices x1; AMatrix x2; AMatrix x3; ARational x4] =>
        Some (SLocalLipschitz {| local_lipschitz.layers := x0; local_lipschitz.biases := x1; local_lipschitz.low :=
          x2; local_lipschitz.high := x3; local_lipschitz.limit := x4 |})
    | _ => None
    end
  else if kind =? "gain" then
    match args with
    | [ACount x0; AMatrices x1; ARational x2] =>
        Some (SGain {| gain.continuous := x0; gain.systems := x1; gain.limit := x2 |})
    | _ => None
    end
  else if kind =? "super-solution" then
    match args with
    | [AMatrix x0; AMatrix x1; AMatrix x2; ACount x3] =>
        Some (SSuperSolution {| super_solution.gains := x0; super_solution.sources := x1; super_solution.bound := x2;
          super_solution.implicit := x3 |})
    | _ => None
    end
  else if kind =? "lumping" then
    match args with
    | [AMatrix x0; AMatrix x1; AMatrix x2; ARational x3; ARational x4] =>
        Some (SLumping {| lumping.chain := x0; lumping.blocks := x1; lumping.macro := x2; lumping.start := x3;
          lumping.limit := x4 |})
    | _ => None
    end
  else if kind =? "stationary" then
    match args with
    | [AMatrix x0; AMatrix x1; ARational x2; ARational x3] =>
        Some (SStationary {| stationary.chain := x0; stationary.values := x1; stationary.low := x2; stationary.high
          := x3 |})
    | _ => None
    end
  else if kind =? "polynomial" then
    match args with
    | [ACount x0; AMatrices x1; ACount x2] =>
        Some (SPolynomial {| polynomial.variables := x0; polynomial.polynomials := x1; polynomial.equalities := x2
          |})
    | _ => None
    end
  else if kind =? "invariant" then
    match args with
    | [ACount x0; ACount x1; ACount x2; ACount x3; ACount x4; ACount x5; ACount x6; AMatrices x7; AMatrices x8] =>
        Some (SInvariant {| invariant.parameters := x0; invariant.state := x1; invariant.shared := x2;
          invariant.shared_equalities := x3; invariant.initial := x4; invariant.initial_equalities := x5;
          invariant.relation_equalities := x6; invariant.points := x7; invariant.relation := x8 |})
    | _ => None
    end
  else if kind =? "range" then
    match args with
    | [AMatrix x0; AMatrix x1; AMatrix x2; ARational x3] =>
        Some (SRange {| range.constants := x0; range.program := x1; range.box := x2; range.limit := x3 |})
    | _ => None
    end
  else if kind =? "tail" then
    match args with
    | [ACount x0; ACount x1; ARational x2; ARational x3] =>
        Some (STail {| tail.trials := x0; tail.failures := x1; tail.rate := x2; tail.level := x3 |})
    | _ => None
    end
  else None.

(** What it says. *)
Definition statement_holds (s : store) (st : statement) : Prop :=
  match st with
  | SProcedure w => s_procedure.holds s w
  | STruncation w => truncation.holds s w
  | SInertia w => inertia.holds s w
  | SLipschitz w => lipschitz.holds s w
  | SDifferenceGain w => difference_gain.holds s w
  | SLocalLipschitz w => local_lipschitz.holds s w
  | SGain w => gain.holds s w
  | SSuperSolution w => super_solution.holds s w
  | SLumping w => lumping.holds s w
  | SStationary w => stationary.holds s w
  | SPolynomial w => polynomial.holds s w
  | SInvariant w => invariant.holds s w
  | SRange w => range.holds s w
  | STail w => tail.holds s w
  end.

Definition check_statement (s : store) (st : statement) (e : evidence) : result unit :=
  match st with
  | SProcedure w => s_procedure.check s w e
  | STruncation w => truncation.check s w e
  | SInertia w => inertia.check s w e
  | SLipschitz w => lipschitz.check s w e
  | SDifferenceGain w => difference_gain.check s w e
  | SLocalLipschitz w => local_lipschitz.check s w e
  | SGain w => gain.check s w e
  | SSuperSolution w => super_solution.check s w e
  | SLumping w => lumping.check s w e
  | SStationary w => stationary.check s w e
  | SPolynomial w => polynomial.check s w e
  | SInvariant w => invariant.check s w e
  | SRange w => range.check s w e
  | STail w => tail.check s w e
  end.

Theorem check_statement_correct s st e : check_statement s st e = Ok tt -> statement_holds s st.
Proof.
  destruct st; simpl; intros H.
  - exact (s_procedure.s_procedure_correct _ _ _ H).
  - exact (truncation.truncation_correct _ _ _ H).
  - exact (inertia.inertia_correct _ _ _ H).
  - exact (lipschitz.lipschitz_correct _ _ _ H).
  - exact (difference_gain.difference_gain_correct _ _ _ H).
  - exact (local_lipschitz.local_lipschitz_correct _ _ _ H).
  - exact (gain.gain_correct _ _ _ H).
  - exact (super_solution.super_solution_correct _ _ _ H).
  - exact (lumping.lumping_correct _ _ _ H).
  - exact (stationary.stationary_correct _ _ _ H).
  - exact (polynomial.polynomial_correct _ _ _ H).
  - exact (invariant.invariant_correct _ _ _ H).
  - exact (range.range_correct _ _ _ H).
  - exact (tail.tail_correct _ _ _ H).
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
